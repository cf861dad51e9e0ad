/** Puts the focus on the error summary, and on the field when a line of it is followed. */
export function wireErrorSummary(root) {
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
