import { address, ask, by, make, post, tell } from "/studio.js";
import { bitPng, fromBase64, toBase64 } from "/png.js";

const name = by("begin").dataset.name, pen = by("mask").getContext("2d", { willReadFrequently: true });
let ground = null, own = false, seed = 0; // file, width, height, class; whether the mask is drawn by hand
let at = [0, 0], down = false, asked = false, again = false;

/** Return the mask as bits; null where nothing is drawn. */
function bits() {
  const { data } = pen.getImageData(0, 0, ground[1], ground[2]);
  const marked = new Uint8Array(data.length / 4);
  let any = false;
  for (let i = 0; i < marked.length; i += 1) if (data[4 * i + 3] > 127) any = marked[i] = 1;
  return any ? marked : null;
}

/** Show what is wished, one request at a time; the newest wish is taken up when the last one is there. */
async function draw() {
  if (asked) { again = true; return; }
  asked = true;
  const started = performance.now(), [file, width, height] = ground, label = by("label").value;
  try {
    const marked = own ? bits() : null;
    const mask = marked ? { mask: toBase64(await bitPng(marked, width, height)) } : {};
    by("shown").className = "busy";
    const made = await post("/place/defect", { name, file, label, strength: Number(by("strength").value), seed, ...mask });
    if (file === ground[0]) await show(made, file, label, marked, started);
    tell("");
  } catch (error) {
    tell(error.message);
  }
  by("shown").className = "";
  asked = false;
  if (again) { again = false; draw(); }
}

async function show(made, file, label, marked, started) {
  const stem = `${file.split("/").pop().replace(/\.\w+$/, "")}_${label}`;
  for (const [what, ending] of [["image", ".png"], ["mask", "_mask.png"]]) {
    const link = by("save-" + what), blob = new Blob([fromBase64(made[what])], { type: "image/png" });
    URL.revokeObjectURL(link.href);
    Object.assign(link, { href: URL.createObjectURL(blob), download: stem + ending });
    if (what === "mask") continue;
    const picture = await createImageBitmap(blob), canvas = by("made");
    Object.assign(canvas, { width: picture.width, height: picture.height });
    canvas.getContext("2d").drawImage(picture, 0, 0);
  }
  by("save").hidden = false;
  by("words").textContent = `${label} ${marked ? "inside your mask" : "in a drawn mask"} on ${file}, after ${Math.round(performance.now() - started)} ms`;
}

function choose(which, button) {
  ground = which;
  for (const one of by("grounds").querySelectorAll("button")) one.setAttribute("aria-pressed", one === button);
  for (const id of ["mask", "ground", "made"]) Object.assign(by(id), { width: which[1], height: which[2] }); // their room, before they come
  for (const id of ["board", "made"]) by(id).style.maxWidth = `calc(70vh * ${which[1] / which[2]})`;
  by("ground").src = address("/place/ground", { name, file: which[0], whole: true });
  by("ground").alt = `Ground ${which[0]}`;
  at = [which[1] / 2, which[2] / 2];
  own = false;
  draw();
}

// The brush: its size is in thousandths of the ground's longer side, two of them.
const size = () => Math.max(1, (by("brush").value / 500) * Math.max(ground[1], ground[2]));

function ring() {
  const shown = by("board").clientWidth / ground[1], side = size() * shown;
  Object.assign(by("ring").style, { width: side + "px", height: side + "px", left: at[0] * shown - side / 2 + "px", top: at[1] * shown - side / 2 + "px" });
  by("ring").hidden = false;
}

function paint(to) {
  own = true;
  Object.assign(pen, { lineWidth: size(), lineCap: "round", strokeStyle: "#e0007a", globalCompositeOperation: by("erase").checked ? "destination-out" : "source-over" });
  pen.beginPath();
  pen.moveTo(...at);
  pen.lineTo(to[0] + 0.01, to[1]);
  pen.stroke();
  at = to;
}

const where = (event) => {
  const box = by("mask").getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * ground[1], ((event.clientY - box.top) / box.height) * ground[2]];
};
by("mask").addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  by("mask").setPointerCapture(event.pointerId);
  down = true;
  at = where(event);
  paint(at);
});
by("mask").addEventListener("pointermove", (event) => {
  if (down) paint(where(event));
  else at = where(event);
  ring();
});
for (const kind of ["pointerup", "pointercancel"]) by("mask").addEventListener(kind, () => { if (down) { down = false; draw(); } });
for (const kind of ["pointerleave", "blur"]) by("mask").addEventListener(kind, () => { by("ring").hidden = true; });
by("mask").addEventListener("focus", ring);
by("mask").addEventListener("keydown", (event) => {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (step) at = at.map((x, i) => Math.min(ground[1 + i], Math.max(0, x + step[i] * Math.max(1, size() / 2))));
  else if (event.key === " ") { paint(at); draw(); }
  else return;
  event.preventDefault();
  ring();
});

function wipe() {
  pen.clearRect(0, 0, ground[1], ground[2]);
  own = false;
}

by("begin").addEventListener("submit", (event) => event.preventDefault());
by("clear").addEventListener("click", wipe);
by("drawn").addEventListener("click", () => { wipe(); seed += 1; draw(); });
by("another").addEventListener("click", () => { seed += 1; draw(); });
by("label").addEventListener("change", offer);
by("strength").addEventListener("input", () => { by("strength-words").textContent = Number(by("strength").value).toFixed(1); draw(); });

let facts = { grounds: [], classes: [] };

/** Offer the grounds of the class: those without a defect, or with one of its own. */
function offer() {
  const fit = facts.grounds.filter((one) => one[3] === "" || one[3] === by("label").value);
  by("grounds").replaceChildren(...fit.map((one) => {
    const button = make("button", { type: "button", title: one[0] }, make("img", { alt: `Ground ${one[0]}`, loading: "lazy", src: address("/place/ground", { name, file: one[0] }) }));
    button.addEventListener("click", () => { choose(one, button); by("look").scrollIntoView({ block: "nearest" }); });
    return make("li", {}, button);
  }));
  by("count").textContent = facts.count > facts.grounds.length ? `The first ${facts.grounds.length} of ${facts.count}.` : "Images that the run puts defects on; held-out ones are not among them.";
  tell(fit.length ? "" : "This run has no ground for this class.");
  by("look").hidden = !fit.length;
  if (!fit.length) return;
  const kept = fit.findIndex((one) => one === ground), button = by("grounds").querySelectorAll("button")[Math.max(0, kept)];
  if (kept < 0) choose(fit[0], button);
  else { button.setAttribute("aria-pressed", true); draw(); }
}

try {
  do facts = await ask(address("/place/facts", { name })); while (facts.reading);
  by("label").append(...facts.classes.map((label) => make("option", { value: label }, label)));
  by("said").textContent = facts.notes.join(" ");
  by("begin").hidden = by("look").hidden = by("choose").hidden = false;
  offer();
} catch (error) {
  by("said").textContent = "";
  tell(error.message);
}
