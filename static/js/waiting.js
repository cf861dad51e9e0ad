/** Waits calmly: asks how far the line is, tells it when that changes, and goes on when it is time. */
const MILLISECONDS = 1000;
const SPREAD = 0.2;

const box = document.querySelector("[data-waiting]");
if (box) later(Number(box.dataset.pause));

function later(seconds) {
  // Not everybody at once.
  const spread = 1 - SPREAD / 2 + SPREAD * Math.random();
  setTimeout(look, seconds * spread * MILLISECONDS);
}

async function look() {
  if (!box.dataset.waiting) {
    goOn();
    return;
  }
  try {
    const answer = await (await fetch(box.dataset.waiting)).json();
    if (answer.go) {
      goOn();
      return;
    }
    tell(answer.text);
    later(answer.pause);
  } catch {
    later(Number(box.dataset.pause));
  }
}

function tell(text) {
  const status = box.querySelector("[data-waiting-status]");
  if (status.textContent !== text) status.textContent = text;
}

function goOn() {
  const form = box.querySelector("form");
  if (form) form.requestSubmit();
  else location.reload();
}
