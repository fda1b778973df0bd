// The test bench: a row's votes open and close, and a file may be dropped on the form.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-votes]");
  if (!button) return;
  const row = document.getElementById(button.getAttribute("aria-controls"));
  const open = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!open));
  row.hidden = open;
});

// Votes are fetched once: a second click only shows or hides them.
document.addEventListener("htmx:beforeRequest", (event) => {
  const button = event.target.closest?.("[data-votes]");
  if (!button) return;
  const row = document.getElementById(button.getAttribute("aria-controls"));
  if (row.querySelector("table")) event.preventDefault();
});

const file = document.getElementById("file");
const drop = document.querySelector("[data-drop]");
for (const name of ["dragenter", "dragover"]) {
  drop?.addEventListener(name, (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    drop.classList.add("over");
  });
}
drop?.addEventListener("dragleave", () => drop.classList.remove("over"));
drop?.addEventListener("drop", (event) => {
  drop.classList.remove("over");
  if (!event.dataTransfer.files.length) return;
  event.preventDefault();
  file.files = event.dataTransfer.files;
  file.form.requestSubmit(file.form.querySelector("[value=judge]"));
});
