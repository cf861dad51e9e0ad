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

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Go from one key to the nearest that stands in a direction; tells whether the arrow was used. */
function walk(keys, from, right, down) {
  if (!keys.includes(from)) return false;
  const place = (key) => {
    const box = key.getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
  };
  const [x, y] = place(from);
  const distance = (key) => {
    const [keyX, keyY] = place(key);
    const ahead = (keyX - x) * right + (keyY - y) * down;
    const aside = Math.abs(keyX - x) * Math.abs(down) + Math.abs(keyY - y) * Math.abs(right);
    const isNext = right ? aside < 1 && ahead > 1 : ahead > 1;
    return isNext ? ahead * 10 + aside : Infinity;
  };
  const [nearest] = keys.map((key) => [distance(key), key]).sort((one, other) => one[0] - other[0]);
  if (nearest[0] < Infinity) nearest[1].focus();
  return true;
}

for (const pad of document.querySelectorAll("[data-pad]")) {
  const field = document.getElementById(pad.dataset.pad);
  const status = pad.querySelector("[role=status]");
  const keys = [...pad.querySelectorAll("[data-digit]")];
  const mix = pad.querySelector("[data-mix]");
  const all = [...pad.querySelectorAll(".key")];

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
  /** Enter on a digit that has no room sends; a key that is held down never does. */
  const enter = (event) => {
    const isFull = event.target.matches("[data-digit]") && digitsIn(field) === DIGITS;
    if (isFull && !event.repeat) field.form.requestSubmit(field.form.querySelector("[data-submit]"));
    return isFull || event.repeat;
  };
  /** Do what a key of the keyboard asks for; false leaves it to the browser. */
  const did = (event) => {
    if (event.key === "Enter") return enter(event);
    if (event.key in STEPS) return walk(all, event.target, ...STEPS[event.key]);
    if (/^[0-9]$/.test(event.key)) type(event.key);
    else if (event.key === "Backspace") back();
    else return false;
    return true;
  };
  pad.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (did(event)) event.preventDefault();
  });
  // One stop for the tabulator key; the arrows lead from key to key.
  const stop = (at) => all.forEach((key) => { key.tabIndex = key === at ? 0 : -1; });
  for (const key of all) key.addEventListener("focus", () => stop(key));
  stop(all[0]);
  field.addEventListener("input", say);
  mix.addEventListener("change", () => {
    order();
    status.textContent = mix.checked ? status.dataset.mixed : status.dataset.sorted;
  });
  order();
  pad.hidden = false;
}
