// What every page does: a form is sent once, a mistake gets the focus, what was chosen survives a
// change of language, and the buttons that need a script appear. One file that fetches nothing else.

for (const wire of [wireErrorSummary, wireForms, wireDraft, wireCopyButtons, wirePrintButtons]) {
  wire(document);
}

/** Puts the focus on the error summary, and on the field when a line of it is followed. */
function wireErrorSummary(root) {
  const summary = root.querySelector("[data-error-summary]");
  if (!summary) return;
  // The answer to a form becomes a page like any other: Back and reload do not want to send again.
  history.replaceState(null, "", location.href);
  summary.focus();
  summary.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    const field = link && root.getElementById(link.hash.slice(1));
    if (!field) return;
    event.preventDefault();
    field.scrollIntoView({ block: "center" });
    field.focus({ preventScroll: true });
  });
}

/** Sends a form once: a second tap while the page is on its way is ignored, and said aloud. */
function wireForms(root) {
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

/** Carries what is chosen but not sent over a change of language or text size. Never a password. */
function wireDraft(root) {
  const form = root.querySelector("main form");
  if (!form) return;
  const key = `draft:${location.pathname}`;
  restore(form, sessionStorage.getItem(key));
  sessionStorage.removeItem(key);
  for (const link of root.querySelectorAll(".switch a")) {
    link.addEventListener("click", () => sessionStorage.setItem(key, JSON.stringify(chosen(form))));
  }
}

function chosen(form) {
  const carried = "input[type='radio']:checked, input[type='text'], input:not([type])";
  return [...form.querySelectorAll(carried)].map((field) => [field.name, field.value]);
}

function restore(form, kept) {
  for (const [name, value] of JSON.parse(kept ?? "[]")) {
    for (const field of form.querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
      if (field.type === "radio") field.checked = field.value === value;
      else field.value = value;
    }
  }
}

/** Shows the copy buttons and announces what they did; the text can always be selected by hand. */
function wireCopyButtons(root) {
  for (const button of root.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(root, button));
  }
}

async function copy(root, button) {
  const source = root.getElementById(button.dataset.copy);
  const status = root.getElementById(button.dataset.status);
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    status.textContent = button.dataset.done;
  } catch {
    root.getSelection().selectAllChildren(source);
    status.textContent = button.dataset.failed;
  }
}

/** Shows the print buttons where a script can print. */
function wirePrintButtons(root) {
  for (const button of root.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }
}
