// Confirms as soon as a person touches the page: anywhere, by pointer, finger or key.
// A mail scanner that runs scripts touches nothing, and an event that a script makes
// is not trusted; so loading the page never confirms. Moving the mouse is no touch:
// sandboxes that open attachments and links do that too.
const form = document.getElementById("confirm");
const silent = new Set(["Tab", "Shift", "Control", "Alt", "AltGraph", "Meta", "Escape"]);
let sent = false;

function act(event) {
  if (sent || !event.isTrusted || document.visibilityState !== "visible") return;
  if (event.type === "keydown" && (silent.has(event.key) || event.ctrlKey || event.metaKey || event.altKey)) return;
  const onButton = event.target instanceof Element && event.target.closest("button, a");
  if (onButton && (event.type === "click" || event.key === "Enter" || event.key === " ")) return; // it acts by itself
  sent = true;
  form.requestSubmit();
}

form.addEventListener("submit", () => {
  sent = true;
});
for (const kind of ["click", "keydown"]) document.addEventListener(kind, act);
