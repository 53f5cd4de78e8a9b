import { VirtualGrid } from "/grid.js";
import { address, make, post } from "/studio.js";

const box = document.getElementById("grid"), viewer = document.getElementById("viewer");
const choice = document.getElementById("classes");
const name = box.dataset.name;
const source = (file) => address("/picture", { name, file: "synthetic/" + file });

let open = null, last = Promise.resolve();

function mark(image, reject) {
  image[3] = reject;
  told();
  for (const cell of box.children) if (cell.dataset.file === image[0]) cell.className = reject ? "rejected" : "";
}

/** Reject an image of the set, or keep it again; what is asked for first is written first. */
function choose(image, reject) {
  if (image[3] === reject) return;
  mark(image, reject);
  const refused = document.getElementById("refused");
  last = last.then(() => post("/curate", { name, [reject ? "reject" : "keep"]: [image[0]] })).then(() => { refused.hidden = true; }, (error) => {
    mark(image, !reject);
    refused.textContent = error.message;
    refused.hidden = false;
  });
}

function show(image) {
  open = image;
  const [file, label, number, rejected] = image;
  document.getElementById("turn").textContent = rejected ? "Keep" : "Reject";
  document.getElementById("explore").href = address("/explore", { name, label, seed, image: number });
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
    const cell = make("div", { className: image[3] ? "rejected" : "" }, button);
    cell.dataset.file = image[0];
    button.addEventListener("keydown", (event) => {
      if (event.key !== "r" && event.key !== "k") return;
      choose(image, event.key === "r");
      grid.focus(grid.items.indexOf(image) + 1);
    });
    return cell;
  },
});

document.getElementById("turn").addEventListener("click", () => { choose(open, !open[3]); viewer.close(); });
const { images, seed } = await (await fetch(address("/set", { name }))).json();
const labels = [...new Set(images.map(([, label]) => label))].sort();
choice.append(...labels.map((label) => make("option", { value: label }, label)));
document.getElementById("classes-box").hidden = labels.length < 2;

function chosen() {
  const shown = choice.value ? images.filter(([, label]) => label === choice.value) : images;
  grid.set(shown);
  told();
}

function told() {
  const rejected = grid.items.filter((image) => image[3]).length;
  document.getElementById("count").textContent = `${grid.items.length.toLocaleString("en")} images` + (rejected ? `, ${rejected.toLocaleString("en")} of them rejected` : "");
}

choice.addEventListener("change", chosen);
viewer.addEventListener("click", (event) => { if (event.target === viewer) viewer.close(); });
chosen();
