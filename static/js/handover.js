/** Asks every other second how far the hand-over is, and opens the page anew when it has moved. */
const PAUSE_MILLISECONDS = 2000;
const FAILURES_TO_TELL = 3;

const box = document.querySelector("[data-handover]");
if (box) watch(box);

function watch(box) {
  const status = box.querySelector("[data-handover-status]");
  const byHand = box.querySelector("[data-handover-refresh]");
  let failures = 0;
  let isLeaving = false;
  byHand.hidden = true;

  const timer = setInterval(ask, PAUSE_MILLISECONDS);
  document.addEventListener("visibilitychange", ask);
  // A page that Back took from the cache may be long out of date.
  window.addEventListener("pageshow", (event) => event.persisted && ask());

  async function ask() {
    if (document.hidden || isLeaving) return;
    try {
      const answer = await fetch(box.dataset.handover, { headers: { Accept: "application/json" } });
      if (answer.status >= 500) throw new Error(answer.statusText);
      if (!answer.ok || (await answer.json()).state !== box.dataset.handoverState) leave();
      failures = 0;
    } catch {
      failures += 1;
      if (failures === FAILURES_TO_TELL) tellTrouble();
    }
  }

  function leave() {
    if (document.querySelector("form[data-sent]")) return; // a button is under way already
    isLeaving = true;
    clearInterval(timer);
    status.textContent = status.dataset.changed;
    location.replace(location.pathname);
  }

  function tellTrouble() {
    byHand.hidden = false;
    status.textContent = status.dataset.stopped;
  }
}
