import { VirtualGrid } from "/grid.js";
import { address, ask, by, make, post, tell, watch } from "/studio.js";

const box = by("grid"), viewer = by("viewer");
const choice = by("classes");
const name = box.dataset.name;
const source = (file) => address("/picture", { name, file: "synthetic/" + file });

let open = null, current = null; // the image that is enlarged; the one that keys are for
let waiting = 0, last = Promise.resolve(); // choices that are not written yet

/** Show which images are rejected, and which one keys are for. */
function mark() {
  told();
  for (const cell of box.children) dress(cell);
  by("turn").textContent = open?.[3] ? "Keep" : "Reject";
}

function dress(cell) {
  cell.classList.toggle("rejected", known.get(cell.dataset.file)[3]);
  cell.classList.toggle("current", cell.dataset.file === current?.[0]);
}

/** Reject an image of the set, or keep it again; what is asked for first is written first. */
function choose(image, reject) {
  say(`${reject ? "Rejected" : "Kept"}: ${image[0]}`);
  if (image[3] === reject) return;
  image[3] = reject;
  mark();
  waiting += 1;
  last = last.then(() => post("/curate", { name, [reject ? "reject" : "keep"]: [image[0]] })).then(() => tell(""), (error) => {
    image[3] = !reject;
    mark();
    tell(error.message);
  }).finally(() => { waiting -= 1; });
}

function say(text) { by("done").textContent = text; }

function show(image) {
  open = image;
  const [file, label, number, , outline] = image;
  if (by("explore")) by("explore").href = address("/explore", { name, label, seed, image: number });
  const large = by("large");
  large.src = source(file);
  large.alt = `Generated image, class ${label}`;
  by("words").textContent = `${label} · ${file}${outline ? ` · outline ${outline}, not drawn` : ""}`;
  mark();
  viewer.showModal();
}

const grid = new VirtualGrid(box, {
  make: (image) => {
    const button = make("button", { type: "button", className: "enlarge" }, make("img", { src: source(image[0]), alt: `Generated image, class ${image[1]}`, decoding: "async" }));
    button.addEventListener("click", () => show(image));
    const cell = make("div", {}, button);
    cell.dataset.file = image[0];
    dress(cell);
    return cell;
  },
});

// Keys are for the image that was pointed at or selected last; where the page moves below a still pointer, that is none.
let pointer = "";
box.addEventListener("focusin", (event) => aim(event.target));
box.addEventListener("pointermove", (event) => {
  const here = `${event.clientX} ${event.clientY}`;
  if (here !== pointer) aim(event.target);
  pointer = here;
});

function aim(element) {
  const image = known.get(element.closest("[data-file]")?.dataset.file);
  if (!image || image === current) return;
  current = image;
  mark();
}

/** Say whether an image's frame can be seen: its class may have been left out, or the page scrolled past it. */
function inSight(image) {
  const place = [...box.children].find((cell) => cell.dataset.file === image[0])?.getBoundingClientRect();
  return Boolean(place && place.bottom > 0 && place.top < innerHeight);
}

addEventListener("keydown", (event) => {
  if ((event.key !== "r" && event.key !== "k") || event.ctrlKey || event.metaKey || event.altKey || event.target === choice) return;
  const image = viewer.open ? open : current && inSight(current) ? current : null;
  if (!image) { say("Point at an image, or select one, and press r to reject it or k to keep it."); return; }
  choose(image, event.key === "r");
  if (document.activeElement.closest("[data-file]")?.dataset.file === image[0]) grid.focus(grid.items.indexOf(image) + 1);
});

by("turn").addEventListener("click", () => { choose(open, !open[3]); viewer.close(); });
const { images, seed } = await ask(address("/set", { name }));
const known = new Map(images.map((image) => [image[0], image]));
const labels = [...new Set(images.map(([, label]) => label))].sort();
choice.append(...labels.map((label) => make("option", { value: label }, label)));
by("classes-box").hidden = labels.length < 2;

function chosen() {
  const shown = choice.value ? images.filter(([, label]) => label === choice.value) : images;
  grid.set(shown);
  told();
}

function told() {
  const rejected = grid.items.filter((image) => image[3]).length;
  by("count").textContent = `${grid.items.length.toLocaleString("en")} images` + (rejected ? `, ${rejected.toLocaleString("en")} of them rejected` : "");
}

choice.addEventListener("change", chosen);
viewer.addEventListener("click", (event) => { if (event.target === viewer) viewer.close(); });
chosen();
watch({ kind: "set", name }, ({ rejected }) => {
  if (waiting) return; // when all is written, it is told once more
  const all = new Set(rejected);
  for (const image of images) image[3] = all.has(image[0]);
  mark();
});
