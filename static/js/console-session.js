/** Warns five minutes before an idle session ends; the person decides to stay with one press. */
const WARN_BEFORE_SECONDS = 300;

const dialog = document.getElementById("session-dialog");
if (dialog) guard(dialog);

function guard(dialog) {
  const idle = Number(dialog.dataset.idleSeconds);
  const status = dialog.querySelector("[data-session-status]");
  let ends;
  let timers = [];

  dialog.querySelector("[data-stay-button]").addEventListener("click", stay);
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    stay();
  });
  begin();

  function begin() {
    timers.forEach(clearTimeout);
    ends = Date.now() + idle * 1000;
    timers = [setTimeout(warn, (idle - WARN_BEFORE_SECONDS) * 1000), setTimeout(leave, idle * 1000)];
  }

  function warn() {
    const minutes = Math.max(1, Math.ceil((ends - Date.now()) / 60000));
    dialog.querySelector("[data-minutes]").textContent = String(minutes);
    dialog.showModal();
  }

  async function stay() {
    try {
      const answer = await fetch(dialog.dataset.stay, { redirect: "error" });
      if (!answer.ok) throw new Error(answer.statusText);
      dialog.close();
      begin();
    } catch {
      status.textContent = "続けられませんでした。通信を確かめて、もう一度押してください。";
    }
  }

  // Nothing of a patient stays on a screen that nobody looks at. What was typed is given back after
  // the login, to the same account only.
  async function leave() {
    await keepForm(dialog.dataset.keep);
    const here = encodeURIComponent(location.pathname + location.search);
    location.assign(`${dialog.dataset.login}&next=${here}`);
  }
}

/** Sends what somebody has begun to type to where it is kept; never a password or a file. */
async function keepForm(address) {
  const form = [...document.querySelectorAll("main form[method='post']")].find(isTouched);
  if (!form) return;
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    const isSecret = form.querySelector(`[name="${CSS.escape(name)}"][type="password"]`);
    if (typeof value === "string" && !isSecret) fields.append(name, value);
  }
  fields.append("kept_address", addressOf(form));
  try {
    await fetch(address, { method: "POST", body: fields, keepalive: true });
  } catch {
    // Without the site there is nothing to keep it; the login page comes all the same.
  }
}

function addressOf(form) {
  const address = new URL(form.getAttribute("action") || location.href, location.href);
  return address.pathname + address.search;
}

function isTouched(form) {
  return [...form.elements].some((field) => isChanged(field));
}

function isChanged(field) {
  if (field.type === "hidden") return false;
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  if (field.tagName === "SELECT") return [...field.options].some((each) => each.selected !== each.defaultSelected);
  return "defaultValue" in field && field.value !== field.defaultValue;
}
