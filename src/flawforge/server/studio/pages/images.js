import { VirtualGrid } from "/grid.js";
import { address, make } from "/studio.js";

const box = document.getElementById("grid"), viewer = document.getElementById("viewer");
const choice = document.getElementById("classes");
const name = box.dataset.name;
const source = (file) => address("/picture", { name, file: "synthetic/" + file });

function show([file, label]) {
  const large = document.getElementById("large");
  large.src = source(file);
  large.alt = `Generated image, class ${label}`;
  document.getElementById("words").textContent = `${label} · ${file}`;
  viewer.showModal();
}

const grid = new VirtualGrid(box, {
  make: (image) => {
    const button = make("button", { type: "button", className: "enlarge" }, make("img", { src: source(image[0]), alt: `Generated image, class ${image[1]}`, decoding: "async" }));
    button.addEventListener("click", () => show(image));
    return make("div", {}, button);
  },
});

const { images } = await (await fetch(address("/set", { name }))).json();
const labels = [...new Set(images.map(([, label]) => label))].sort();
choice.append(...labels.map((label) => make("option", { value: label }, label)));
document.getElementById("classes-box").hidden = labels.length < 2;

function chosen() {
  const shown = choice.value ? images.filter(([, label]) => label === choice.value) : images;
  document.getElementById("count").textContent = `${shown.length.toLocaleString("en")} images`;
  grid.set(shown);
}

choice.addEventListener("change", chosen);
viewer.addEventListener("click", (event) => { if (event.target === viewer) viewer.close(); });
chosen();
