// Ctrl-K: the pages of the menu by name, and a search for contacts.
const dialog = document.getElementById("jump");
const list = dialog?.querySelector("[data-jump-list]");
const input = dialog?.querySelector("input");

function words(link) {
  const copy = link.cloneNode(true);
  for (const extra of copy.querySelectorAll("[aria-hidden], .count, svg")) extra.remove();
  return copy.textContent.trim().replace(/\s+/g, " ");
}

function pages() {
  const links = [".nav a", ".switch-account .menu a", ".jump [data-page]"].flatMap((where) => [
    ...document.querySelectorAll(where),
  ]);
  return links.map((link) => ({ name: words(link), href: link.href }));
}

function fill() {
  const wish = input.value.trim().toLowerCase();
  const found = pages().filter((page) => page.name.toLowerCase().includes(wish));
  list.replaceChildren(
    ...found.map((page, at) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = page.href;
      link.textContent = page.name;
      if (wish && at === 0) link.className = "on";
      item.append(link);
      return item;
    }),
  );
}

function open() {
  document.getElementById("menu")?.hidePopover?.();
  input.value = "";
  fill();
  dialog.showModal();
}

if (dialog) {
  input.addEventListener("input", fill);
  dialog.querySelector("form").addEventListener("submit", (event) => {
    const first = list.querySelector("a.on");
    if (!first) return;
    event.preventDefault();
    location.assign(first.href);
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-jump]") || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    open();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    if (!dialog.open) open();
  });
}
