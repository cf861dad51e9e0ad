/** Shows the copy buttons and announces what they did; the text can always be selected by hand. */
export function wireCopyButtons(root) {
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
