// <c-copy>: the button copies the code beside it, and says so for a moment.
async function write(code) {
  try {
    await navigator.clipboard.writeText(code.textContent.trim());
    return true;
  } catch {
    // Plain http, or the person refused: leave it selected, one key away.
    getSelection().selectAllChildren(code);
    return false;
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const words = button.querySelector("span");
  const before = (button.dataset.words ??= words.textContent);
  const done = await write(button.parentElement.querySelector("code"));
  words.textContent = done ? "Copied" : "Press Ctrl C";
  setTimeout(() => (words.textContent = before), 2000);
});
