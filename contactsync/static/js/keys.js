// "?" lists the keys, "g" and a letter goes to a page, "/" finds, Ctrl-Enter saves.
// All but the last are off inside inputs and while a dialog is open.
const PAGES = { h: "home", d: "displays", c: "contacts", i: "linked_accounts", s: "sync_activity" };
let waiting = 0;

function typing(target) {
  return target.closest?.("input, select, textarea, [contenteditable]");
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.target.form?.requestSubmit();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (typing(event.target) || document.querySelector("dialog[open]")) return;
  const second = Date.now() - waiting < 1200;
  waiting = 0;
  if (second && PAGES[event.key]) {
    const link = document.querySelector(`[data-nav="${PAGES[event.key]}"]`);
    if (link) location.assign(link.href);
  } else if (event.key === "g") {
    waiting = Date.now();
  } else if (event.key === "?") {
    document.getElementById("keys")?.showModal();
  } else if (event.key === "/") {
    const field = document.querySelector("main input[type=search]");
    if (field) {
      event.preventDefault();
      field.focus();
    }
  }
});
