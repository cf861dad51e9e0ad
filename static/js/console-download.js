/** Says that a download has been handed to the browser: the page itself does not change. */
const status = document.querySelector("[data-download-status]");
for (const link of document.querySelectorAll("[data-download]")) {
  link.addEventListener("click", () => {
    status.textContent = link.dataset.done;
  });
}
