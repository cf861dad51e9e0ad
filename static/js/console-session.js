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

  // Nothing of a patient stays on a screen that nobody looks at.
  function leave() {
    const here = encodeURIComponent(location.pathname + location.search);
    location.assign(`${dialog.dataset.login}&next=${here}`);
  }
}
