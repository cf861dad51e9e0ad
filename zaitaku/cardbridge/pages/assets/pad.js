"use strict";
// The keys on the screen. They only fill the field, which works without them as well; what is typed
// stands in that field alone and is taken out of it as soon as the form has been sent.

const DIGITS = 4;

/** Return how many digits stand in the field; full-width ones count, fillers do not. */
function digitsIn(field) {
  return field.value.normalize("NFKC").replace(/\D/g, "").length;
}

/** Return 0 to 9 in an order that each time is as likely as any other (Fisher and Yates). */
function mixed() {
  const order = [1, 2, 3, 4, 5, 6, 7, 8, 9, 0];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = below(last + 1);
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

/** Return a random number under `limit`; the upper values, which would favour some, are redrawn. */
function below(limit) {
  const drawn = new Uint8Array(1);
  const fair = 256 - (256 % limit);
  do crypto.getRandomValues(drawn);
  while (drawn[0] >= fair);
  return drawn[0] % limit;
}

for (const pad of document.querySelectorAll("[data-pad]")) {
  const field = document.getElementById(pad.dataset.pad);
  const status = pad.querySelector("[role=status]");
  const keys = [...pad.querySelectorAll("[data-digit]")];
  const mix = pad.querySelector("[data-mix]");

  const say = () => {
    const count = digitsIn(field);
    const words = count === 0 ? status.dataset.empty : status.dataset.count.replace("#", count);
    status.textContent = count === DIGITS ? status.dataset.full : words;
  };
  const change = (value) => {
    field.value = value;
    say();
  };
  const type = (digit) => change(digitsIn(field) < DIGITS ? field.value + digit : field.value);
  const back = () => change(field.value.slice(0, -1));
  const order = () => {
    const digits = mix.checked ? mixed() : [1, 2, 3, 4, 5, 6, 7, 8, 9, 0];
    keys.forEach((key, place) => { key.textContent = digits[place]; });
  };

  for (const key of keys) key.addEventListener("click", () => type(key.textContent));
  pad.querySelector("[data-clear]").addEventListener("click", () => change(""));
  pad.querySelector("[data-back]").addEventListener("click", back);
  pad.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (/^[0-9]$/.test(event.key)) type(event.key);
    else if (event.key === "Backspace") back();
    else return;
    event.preventDefault();
  });
  field.addEventListener("input", say);
  mix.addEventListener("change", () => {
    order();
    status.textContent = mix.checked ? status.dataset.mixed : status.dataset.sorted;
  });
  order();
  pad.hidden = false;
}
