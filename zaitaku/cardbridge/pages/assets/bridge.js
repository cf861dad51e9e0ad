"use strict";
// Every page works without this file: it only adds comfort.

const summary = document.querySelector("[data-focus]");
if (summary) summary.focus();

for (const button of document.querySelectorAll("[data-reveal]")) {
  const field = document.getElementById(button.dataset.reveal);
  button.hidden = false;
  button.addEventListener("click", () => {
    const show = field.type === "password";
    field.type = show ? "text" : "password";
    button.textContent = show ? button.dataset.concealLabel : button.dataset.revealLabel;
  });
}

for (const form of document.querySelectorAll("form[data-once]")) {
  const status = form.querySelector("[role=status]");
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
  });
  window.addEventListener("pageshow", (event) => {
    // A page that Back brings out of memory must not keep a PIN or a button that does nothing.
    if (event.persisted) window.location.reload();
  });
}
