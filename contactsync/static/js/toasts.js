// Messages: close by hand, and by themselves after 6 s unless they report an error or
// somebody is reading them. The server adds one to an htmx answer with the header
// HX-Trigger: {"toast": {"text": "...", "tone": "success" | "error"}}.
const STAY = 6000;
const box = document.getElementById("toasts");

function leave(toast) {
  toast.classList.add("leaving");
  setTimeout(() => toast.remove(), 200);
}

function watch(toast) {
  toast.querySelector("[data-dismiss]")?.addEventListener("click", () => leave(toast));
  if (toast.classList.contains("error")) return;
  const later = () => {
    if (toast.matches(":hover, :focus-within")) setTimeout(later, STAY);
    else leave(toast);
  };
  setTimeout(later, STAY);
}

function add(text, tone) {
  const toast = document.createElement("div");
  toast.className = `toast ${tone}`;
  const words = document.createElement("span");
  words.className = "grow";
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "btn ghost sm";
  close.dataset.dismiss = "";
  close.textContent = "Dismiss";
  toast.append(words, close);
  box.append(toast);
  watch(toast);
}

if (box) {
  box.querySelectorAll(".toast").forEach(watch);
  document.body.addEventListener("toast", (event) =>
    add(event.detail.text, event.detail.tone || "success"),
  );
  // From the passkey scripts: the person cancelled, or the device said no.
  document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    add("The passkey was not used. Try again, or choose another way.", "error");
  });
}
