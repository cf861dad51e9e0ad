/** Carries what is chosen but not sent over a change of language or text size. Never a password. */
export function wireDraft(root) {
  const form = root.querySelector("main form");
  if (!form) return;
  const key = `draft:${location.pathname}`;
  restore(form, sessionStorage.getItem(key));
  sessionStorage.removeItem(key);
  for (const link of root.querySelectorAll(".switch a")) {
    link.addEventListener("click", () => sessionStorage.setItem(key, JSON.stringify(chosen(form))));
  }
}

const CARRIED = "input[type='radio']:checked, input[type='text'], input:not([type])";

function chosen(form) {
  return [...form.querySelectorAll(CARRIED)].map((field) => [field.name, field.value]);
}

function restore(form, kept) {
  for (const [name, value] of JSON.parse(kept ?? "[]")) {
    for (const field of form.querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
      if (field.type === "radio") field.checked = field.value === value;
      else field.value = value;
    }
  }
}
