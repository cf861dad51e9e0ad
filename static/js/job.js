/** Asks every few seconds how far long work is, and says so without moving the focus. */
const FAILURES_TO_TELL = 3;

for (const box of document.querySelectorAll("[data-job]")) watch(box);

/** The page says no longer that the work was taken on: a result, good or bad, is one link away. */
function endHeading(words) {
  const panel = document.querySelector("main .panel");
  if (!words || !panel) return;
  const heading = panel.querySelector("h1");
  document.title = document.title.replace(heading.textContent, words);
  heading.textContent = words;
  panel.classList.remove("panel");
}

function watch(box) {
  const bar = box.querySelector("[data-job-bar]");
  const status = box.querySelector("[data-job-status]");
  const label = box.querySelector("[data-job-label]");
  let failures = 0;

  const timer = setInterval(ask, Number(box.dataset.jobSeconds) * 1000);

  async function ask() {
    try {
      const answer = await fetch(box.dataset.job, { headers: { Accept: "application/json" } });
      if (answer.status === 401) return stop(box.dataset.jobOver);
      if (!answer.ok) throw new Error(answer.statusText);
      failures = 0;
      tell(await answer.json());
    } catch {
      failures += 1;
      if (failures === FAILURES_TO_TELL) status.textContent = box.dataset.jobStopped;
    }
  }

  function tell(job) {
    bar.value = job.percent;
    if (status.textContent !== job.words) status.textContent = job.words;
    if (!job.ended) return;
    stop(job.words);
    label.textContent = label.dataset.jobLabel;
    for (const part of box.querySelectorAll("[data-job-going]")) part.hidden = true;
    endHeading(box.dataset.jobHeading);
    box.querySelector("[data-job-end]").hidden = false;
  }

  function stop(words) {
    clearInterval(timer);
    status.textContent = words;
  }
}
