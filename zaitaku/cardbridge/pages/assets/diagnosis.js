"use strict";
// The report can be selected and copied by hand; this adds a button that does it.

for (const button of document.querySelectorAll("[data-copy]")) {
  const report = document.getElementById(button.dataset.copy);
  const status = document.getElementById("copy-status");
  button.hidden = false;
  button.addEventListener("click", async () => {
    status.textContent = "";
    try {
      await navigator.clipboard.writeText(report.value);
      status.textContent = button.dataset.copied;
    } catch {
      report.focus();
      report.select();
      status.textContent = button.dataset.selected;
    }
  });
}
