"use strict";
// Every page works without this file: it only adds comfort.

/** After so long a form that is still under way has met something that its page never hears of. */
const PATIENCE_MS = 90_000;

const summary = document.querySelector("[data-focus]");
if (summary) summary.focus();

for (const button of document.querySelectorAll("[data-reveal]")) {
  const field = document.getElementById(button.dataset.reveal);
  const turn = (shown) => {
    field.type = shown ? "text" : "password";
    button.textContent = shown ? button.dataset.concealLabel : button.dataset.revealLabel;
  };
  button.hidden = false;
  button.addEventListener("click", () => turn(field.type === "password"));
  field.form.addEventListener("submit", () => turn(false));
}

for (const form of document.querySelectorAll("form[data-once]")) {
  const status = form.querySelector(".progress");
  const field = form.querySelector("input[type=password]");
  const wipe = () => { if (field) field.value = ""; };
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) {
      event.preventDefault();
      return;
    }
    sent = true;
    form.classList.add("working");
    status.textContent = status.dataset.working;
    form.querySelector("[data-submit]").setAttribute("aria-disabled", "true");
    // What is sent was put together before this runs (HTML, "form submission algorithm").
    window.setTimeout(wipe);
    window.setTimeout(() => window.location.reload(), PATIENCE_MS);
  });
  window.addEventListener("pagehide", wipe);
  window.addEventListener("pageshow", (event) => {
    // A page that Back brings out of memory must not keep a PIN or a button that does nothing. A new
    // one is left alone: somebody may have begun to type before everything was loaded.
    if (!event.persisted) return;
    wipe();
    window.location.reload();
  });
}
