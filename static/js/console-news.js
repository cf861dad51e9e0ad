/** Asks every few seconds whether the list has grown, and says so without moving the focus. */
const FAILURES_TO_TELL = 3;

const box = document.querySelector("[data-news]");
if (box) watch(box);

function watch(box) {
  const status = box.querySelector("[data-news-status]");
  const link = box.querySelector("[data-news-link]");
  let told = 0;
  let failures = 0;

  const timer = setInterval(ask, Number(box.dataset.newsSeconds) * 1000);

  async function ask() {
    try {
      const answer = await fetch(box.dataset.news, { headers: { Accept: "application/json" } });
      if (answer.status === 401) return end();
      if (!answer.ok) throw new Error(answer.statusText);
      failures = 0;
      tell((await answer.json()).added);
    } catch {
      failures += 1;
      if (failures === FAILURES_TO_TELL) status.textContent = box.dataset.newsStopped;
    }
  }

  function tell(added) {
    if (added === told) return;
    told = added;
    link.hidden = added === 0;
    status.textContent = added === 0 ? "" : `${added}${box.dataset.newsWords}`;
  }

  function end() {
    clearInterval(timer);
    status.textContent = box.dataset.newsEnded;
  }
}
