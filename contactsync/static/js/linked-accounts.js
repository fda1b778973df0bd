// Account > Integrations. Everything here also works without this file.

// A provider takes its time: say so on the button that was pressed.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const button = event.submitter;
  if (!form.dataset.busy || !button) return;
  const label = document.createElement("span");
  label.setAttribute("role", "status");
  label.textContent = form.dataset.busy;
  button.replaceChildren(label);
  // The button's own value has been read by now, so it may be switched off.
  setTimeout(() => { button.disabled = true; });
});

// Coming back with the Back button shows the page as it was left: mend it.
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

// The directory narrows while one types.
const search = document.querySelector("[data-filter]");
search?.addEventListener("input", () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const group of document.querySelectorAll("[data-group]")) {
    let shown = 0;
    for (const tile of group.querySelectorAll("[data-words]")) {
      const text = tile.dataset.words.toLowerCase();
      tile.hidden = !words.every((word) => text.includes(word));
      shown += tile.hidden ? 0 : 1;
    }
    group.hidden = shown === 0;
  }
});
