// Uploading a list: says at once that a file is too large, and how far the upload is.
// Without this file the form is sent as any other.
function formOf(event) {
  return event.target.closest?.("form[data-upload]");
}

document.addEventListener("change", (event) => {
  const form = formOf(event);
  if (!form || event.target.type !== "file") return;
  const [file] = event.target.files;
  const most = Number(form.dataset.maxBytes);
  const tooLarge = file && file.size > most;
  event.target.setCustomValidity(
    tooLarge ? `This file is larger than ${Math.floor(most / 1024 ** 2)} MB. Split it into several.` : "",
  );
  if (tooLarge) event.target.reportValidity();
});

document.addEventListener("htmx:confirm", (event) => {
  const form = formOf(event);
  if (form && !form.reportValidity()) event.preventDefault();
});

document.addEventListener("htmx:xhr:progress", (event) => {
  const form = formOf(event);
  if (!form || !event.detail.lengthComputable) return;
  const percent = Math.floor((100 * event.detail.loaded) / event.detail.total);
  form.querySelector("[data-uploading]").hidden = false;
  form.querySelector("[data-upload-percent]").textContent = `${percent} %`;
  form.querySelector("progress").value = percent;
});
