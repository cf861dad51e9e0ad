/** Sends a form once: a second tap while the page is on its way is ignored, and said aloud. */
export function wireForms(root) {
  for (const form of root.querySelectorAll("form[method='post']")) {
    form.addEventListener("submit", (event) => onSubmit(form, event));
  }
  // A page that Back took from the cache must be able to send again.
  window.addEventListener("pageshow", () => root.querySelectorAll("form").forEach(release));
}

function onSubmit(form, event) {
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  event.submitter?.setAttribute("aria-disabled", "true");
  const status = form.querySelector("[role='status'][data-waiting]");
  if (status) status.textContent = status.dataset.waiting;
  for (const part of document.querySelectorAll("[data-open-when-sent]")) part.open = true;
  // A browser that could not leave the page (helper not running, no network) may try again.
  // One that opens a page beside this one leaves this one in use.
  if (form.target === "_blank") setTimeout(() => enable(form), 1500);
  else setTimeout(() => release(form), 8000);
}

function release(form) {
  enable(form);
  const status = form.querySelector("[role='status'][data-waiting]");
  if (status) status.textContent = "";
}

function enable(form) {
  delete form.dataset.sent;
  for (const button of form.querySelectorAll("[aria-disabled]")) {
    button.removeAttribute("aria-disabled");
  }
}
