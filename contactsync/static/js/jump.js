// Ctrl-K: the pages of the menu and the displays by name, and a search for contacts.
const dialog = document.getElementById("jump");
const list = dialog?.querySelector("[data-jump-list]");
const input = dialog?.querySelector("input");
let displays = { wish: "", found: [] };
let timer = 0;

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

function line({ name, href, kind }, first) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = href;
  link.textContent = name;
  if (first) link.className = "on";
  if (kind) {
    const hint = document.createElement("span");
    hint.className = "muted";
    hint.textContent = kind;
    link.append(hint);
  }
  item.append(link);
  return item;
}

function contacts(wish) {
  const url = new URL(dialog.querySelector("form").action);
  url.searchParams.set("q", wish);
  return { name: `Search contacts for “${wish}”`, href: url.href };
}

function show() {
  const typed = input.value.trim();
  const wish = typed.toLowerCase();
  const found = pages().filter((page) => page.name.toLowerCase().includes(wish));
  if (wish && displays.wish === wish) found.push(...displays.found);
  // An address is looked for among the contacts first; anything else comes last.
  if (typed) found.splice(typed.includes("@") ? 0 : found.length, 0, contacts(typed));
  list.replaceChildren(...found.map((each, at) => line(each, Boolean(wish) && at === 0)));
}

async function ask(wish) {
  const url = new URL(input.dataset.names, location.href);
  url.searchParams.set("q", wish);
  try {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const told = await answer.json();
    displays = {
      wish,
      found: told.displays.map((each) => ({ name: each.name, href: each.url, kind: "Display" })),
    };
    if (input.value.trim().toLowerCase() === wish) show();
  } catch {
    // Without an answer the pages are still there.
  }
}

function fill() {
  show();
  clearTimeout(timer);
  const wish = input.value.trim().toLowerCase();
  if (wish && input.dataset.names) timer = setTimeout(ask, 150, wish);
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
