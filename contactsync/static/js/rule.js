// The sync rule editor: tags as chips. Without this file it is a text input.

function tagger(box) {
  const source = box.querySelector("input[name=tags]");
  if (!source || box.classList.contains("chips")) return;
  const label = source.labels[0];
  const entry = document.createElement("input");
  entry.id = "tags-entry";
  entry.placeholder = "Add a tag";
  entry.autocomplete = "off";
  entry.setAttribute("aria-describedby", source.getAttribute("aria-describedby"));
  label.htmlFor = entry.id;
  source.type = "hidden";
  box.classList.add("chips");
  box.append(entry);

  const read = () => source.value.split(",").map((tag) => tag.trim()).filter(Boolean);
  const write = (tags) => {
    source.value = [...new Set(tags)].join(", ");
    source.dispatchEvent(new Event("input", { bubbles: true }));
    draw();
  };
  const draw = () => {
    box.querySelectorAll(".chip").forEach((chip) => chip.remove());
    for (const tag of read()) {
      const chip = document.createElement("span");
      chip.className = "chip";
      chip.append(tag);
      const remove = document.createElement("button");
      remove.type = "button";
      remove.textContent = "×";
      remove.setAttribute("aria-label", `Remove tag ${tag}`);
      remove.addEventListener("click", () => {
        write(read().filter((other) => other !== tag));
        entry.focus();
      });
      chip.append(remove);
      entry.before(chip);
    }
  };
  const take = () => {
    const tags = entry.value.split(",").map((tag) => tag.trim()).filter(Boolean);
    entry.value = "";
    if (tags.length) write([...read(), ...tags]);
  };

  entry.addEventListener("keydown", (event) => {
    if (event.key === "," || (event.key === "Enter" && entry.value.trim())) {
      event.preventDefault();
      take();
    } else if (event.key === "Backspace" && !entry.value) {
      write(read().slice(0, -1));
    }
  });
  entry.addEventListener("blur", take);
  box.addEventListener("click", (event) => { if (event.target === box) entry.focus(); });
  draw();
}

const all = () => document.querySelectorAll("[data-tags]").forEach(tagger);
document.addEventListener("htmx:afterSwap", all);
all();

// A link to #sync must find the card open.
if (location.hash === "#sync") {
  const card = document.getElementById("sync");
  for (const part of [card, card?.closest(".advanced")]) if (part) part.open = true;
}
