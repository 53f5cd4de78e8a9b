"use strict";
const form = document.getElementById("ask");
const shown = document.getElementById("images");
const said = document.getElementById("said");
const tar = document.getElementById("tar");

function asked() {
  return new URLSearchParams(new FormData(form));
}

function link() {
  tar.href = "images?" + asked();
}

form.addEventListener("input", link);
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const query = asked();
  const count = Number(query.get("n"));
  query.delete("n");
  shown.replaceChildren();
  said.textContent = "Generating";
  for (let number = 0; number < count; number += 1) { // one after the other, so that others get their turn
    query.set("first", number);
    const image = new Image();
    image.alt = query.get("class") + ", image " + number + " of seed " + query.get("seed");
    image.src = "image?" + query;
    shown.append(image);
    try {
      await image.decode();
    } catch {
      const answer = await fetch(image.src);
      said.textContent = answer.ok ? "An image could not be shown." : (await answer.json()).detail;
      return;
    }
  }
  said.textContent = count + " images";
});
link();
