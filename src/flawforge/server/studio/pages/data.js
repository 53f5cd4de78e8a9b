import { VirtualGrid } from "/grid.js";
import { address, ask, by, make, post, tell } from "/studio.js";

const box = by("grid"), viewer = by("viewer"), name = box.dataset.name;
const mended = new Map(); // image to the class that was given to it on this page
let images = [], colours = {}, open = null, version = 0;

const source = (file, large) => address("/data/picture", { name, file, ...(large ? { large: true } : {}), ...(version ? { v: version } : {}) });
const classOf = ([file, label]) => (mended.has(file) ? mended.get(file) : label) || "unlabelled";

const grid = new VirtualGrid(box, {
  side: 132, foot: 20, gap: 8,
  make: (image) => {
    const [file] = image, label = classOf(image);
    const button = make("button", { type: "button" }, make("img", { src: source(file), alt: `${label}: ${file}`, decoding: "async" }));
    button.addEventListener("click", () => show(image));
    return make("div", { className: "cell" + (mended.has(file) ? " mended" : ""), title: file }, button, make("span", { className: "of" }, make("b", {}, label), " " + file));
  },
});

function show(image) {
  open = image;
  const [file, , origin, marks, estimated] = image;
  by("large").src = source(file, true);
  by("large").alt = `${classOf(image)}: ${file}`;
  by("words").textContent = `${file} · class ${classOf(image)}, from ${origin} · ${marks} marked${estimated ? `, masks estimated from ${estimated}, not drawn` : ""}`;
  by("label").value = classOf(image);
  viewer.showModal();
}

async function mend(label) {
  try {
    const said = await post("/data/label", { name, file: open[0], label });
    if (label) mended.set(open[0], label); else mended.delete(open[0]);
    by("labels-note").textContent = `${said.rows} mended in ${said.labels}. Use it with: --labels ${said.labels}`;
    tell("");
    viewer.close();
    if (label) chosen(); else read();
  } catch (error) {
    viewer.close();
    tell(error.message);
  }
}

by("save").addEventListener("click", () => { if (by("label").value.trim()) mend(by("label").value.trim()); });
by("label").addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); by("save").click(); } });
by("undo").addEventListener("click", () => mend(""));
viewer.addEventListener("click", (event) => { if (event.target === viewer) viewer.close(); });
by("choice").addEventListener("change", chosen);

function chosen() {
  const shown = by("choice").value ? images.filter((image) => classOf(image) === by("choice").value) : images;
  by("said").textContent = `${shown.length.toLocaleString("en")} images`;
  grid.set(shown);
}

function list(id, lines) {
  by(id + "-box").hidden = !lines.length;
  by(id).replaceChildren(...lines.slice(0, 200).map((line) => make("li", {}, line)));
}

async function read() {
  let facts;
  try {
    facts = await ask(address("/data/facts", { name }));
  } catch (error) {
    by("said").textContent = "";
    tell(error.message);
    return;
  }
  if (facts.reading) { setTimeout(read, 500); return; }
  images = facts.images;
  version += 1;
  const labels = Object.keys(facts.classes);
  by("classes").replaceChildren(...labels.map((label) => {
    const one = facts.classes[label], swatch = make("span", { className: "swatch" });
    swatch.style.background = one.colour;
    const estimated = images.filter((image) => image[1] === label && image[4]).length;
    const masks = one.masks.toLocaleString("en") + (estimated ? `, ${estimated.toLocaleString("en")} estimated` : "");
    return make("tr", {}, make("th", { scope: "row" }, swatch, label), ...[one.images.toLocaleString("en"), masks, one.boxes.toLocaleString("en")].map((count) => make("td", {}, count)));
  }));
  list("notes", facts.notes);
  list("broken", facts.broken.map(([file, reason]) => `${file}: ${reason}`));
  if (facts.labels) by("labels-note").textContent = `Classes were mended in ${facts.labels}. Use it with: --labels ${facts.labels}`;
  const all = [...new Set([...labels, ...images.map(classOf)])];
  const before = by("choice").value;
  by("choice").replaceChildren(make("option", { value: "" }, "all"), ...all.map((label) => make("option", { value: label }, label)));
  by("choice").value = all.includes(before) ? before : "";
  by("labels").replaceChildren(...[...new Set([...all, "unlabelled"])].map((label) => make("option", { value: label })));
  by("facts").hidden = false;
  chosen();
}

read();
