"use strict";
// Tells when a card or a reader comes or goes. A page that only waits for that is renewed by itself;
// one that takes a PIN is not, once something was typed or the keyboard is in the form. One whose
// reading has run out of time is renewed in the same way, and says so then.

const EVERY_MS = 1_000;
const READ_MS = 700;
/** After so many questions without an answer the bridge is taken to be off. */
const MOST_FAILURES = 5;
/** What the bridge answers once the reading's time is over. */
const GONE = 410;

const live = document.querySelector("[data-live]");
if (live) watch(live, live.querySelector("[role=status]"), live.querySelector("a"));

function watch(place, status, renew) {
  let failures = 0;

  const ask = async () => {
    const url = `${place.dataset.live}?${new URLSearchParams({ seen: place.dataset.seen })}`;
    const answer = await fetch(url, { cache: "no-store", credentials: "omit" });
    if (answer.status === GONE) return expire();
    if (!answer.ok) return true;
    const said = await answer.json();
    if (said.changed) tell(said.stamp);
    return said.changed && mayRenew();
  };

  const tell = (stamp) => {
    place.dataset.seen = stamp;
    const own = mayRenew();
    status.textContent = own ? status.dataset.renewing : status.dataset.changed;
    renew.hidden = own;
    if (own) window.setTimeout(go, READ_MS);
  };

  // Who is typing is left in peace: the page that the form leads to says the same.
  const expire = () => {
    const own = mayRenew();
    if (own) window.location.replace(place.dataset.next);
    return own;
  };

  const go = () => {
    if (mayRenew()) window.location.replace(place.dataset.next);
    else renew.hidden = false;
  };

  const again = async () => {
    let isOver = false;
    if (document.visibilityState === "visible") {
      try {
        isOver = await ask();
        failures = 0;
      } catch {
        failures += 1;
      }
    }
    if (!isOver && failures < MOST_FAILURES) window.setTimeout(again, EVERY_MS);
  };

  window.setTimeout(again, EVERY_MS);
}

/** Tell whether nobody loses anything, and nothing is on its way, when the page is loaded anew. */
function mayRenew() {
  if (document.activeElement.closest("[data-hold]")) return false;
  const form = document.querySelector("form[data-once]");
  if (!form) return true;
  const field = form.querySelector("#pin");
  const isTouched = (field && field.value !== "") || form.contains(document.activeElement);
  return !isTouched && !form.classList.contains("working");
}
