// <form data-unsaved>: asks before somebody leaves with changes that were not saved,
// and shows the form's [data-unsaved-mark].
const changed = new Set();

function mark(form, on) {
  if (on) changed.add(form);
  else changed.delete(form);
  for (const sign of form.querySelectorAll("[data-unsaved-mark]")) sign.hidden = !on;
}

document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (form?.matches("[data-unsaved]")) mark(form, true);
});

document.addEventListener("submit", (event) => mark(event.target, false));

document.addEventListener("reset", (event) => mark(event.target, false));

addEventListener("beforeunload", (event) => {
  for (const form of changed) if (!form.isConnected) changed.delete(form);
  if (changed.size) event.preventDefault();
});
