import { address, ask, by, make, tell } from "/studio.js";

const form = by("begin"), name = form.dataset.name, seed = form.dataset.seed;
const ALIKE = 8, SETTLED = 350; // images that are like it; milliseconds until they are asked for
let near = [], timer = null;
let asked = null; // what the picture shows, or will; the newest wish is taken up when it is there

function place(more = near) {
  const along = [...by("directions").querySelectorAll("input")].filter((one) => Number(one.value) !== 0).map((one) => `${one.dataset.which}:${one.value}`);
  const to = by("to").value !== "" && Number(by("part").value) > 0 ? { to: by("to").value, part: by("part").value } : {};
  const truncation = by("truncation").value ? { truncation: by("truncation").value } : {};
  return address("/explore/image", { name, label: by("label").value, seed, image: by("image").value || 0, ...truncation, ...to, near: more.join("."), along: along.join(",") });
}

/** Put a picture into an image; where there is none, say why. */
async function load(image, source) {
  const came = await new Promise((resolve) => {
    image.onload = () => resolve(true);
    image.onerror = () => resolve(false);
    image.src = source;
  });
  if (came) return;
  await ask(source); // which says why
  throw new Error("The picture cannot be shown.");
}

/** Show what is wished, one request at a time. */
async function draw() {
  const wish = place();
  clearTimeout(timer);
  if (asked !== null) return;
  by("shown").className = "busy";
  asked = wish;
  try {
    await load(by("picture"), wish);
    tell("");
  } catch (error) {
    tell(error.message);
  }
  asked = null;
  by("shown").className = "";
  const words = `${by("label").value}, image ${by("image").value}${near.length ? `, ${near.length} step${near.length > 1 ? "s" : ""} from it` : ""}`;
  by("place").textContent = words;
  by("picture").alt = `Generated image: ${words}`;
  if (place() !== wish) draw();
  else timer = setTimeout(drawAlike, SETTLED);
}

async function drawAlike() {
  const base = place();
  const cells = [...by("alike").children];
  for (let number = 0; number < ALIKE; number += 1) {
    if (place() !== base || asked !== null) return;
    try {
      await load(cells[number].querySelector("img"), place([...near, number]));
    } catch {
      return;
    }
  }
}

function begin() {
  near = [];
  for (const slider of by("directions").querySelectorAll("input")) slider.value = 0;
  by("part").value = 0;
  words();
  draw();
}

function words() {
  for (const slider of by("directions").querySelectorAll("input")) slider.nextElementSibling.textContent = Number(slider.value).toFixed(1);
  by("part-words").textContent = Math.round(100 * by("part").value) + "%";
}

function another() {
  by("image").value = Math.floor(Math.random() * 10000);
  begin();
}

form.addEventListener("submit", (event) => event.preventDefault());
for (const id of ["label", "image", "truncation"]) by(id).addEventListener("change", () => { if (by(id).reportValidity()) begin(); });
by("another").addEventListener("click", another);
by("reset").addEventListener("click", begin);
for (const id of ["to", "part"]) by(id).addEventListener("input", () => { words(); draw(); });
addEventListener("keydown", (event) => {
  if (event.target.closest("input[type=number], select") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "n") another();
  if (event.key === "0") begin();
});

try {
  const facts = await ask(address("/explore/facts", { name }));
  by("label").append(...facts.classes.map((label) => make("option", { value: label }, label)));
  if (facts.classes.includes(form.dataset.label)) by("label").value = form.dataset.label;
  by("to").value = Number(form.dataset.image) + 1;
  for (let which = 1; which <= facts.directions; which += 1) {
    const slider = make("input", { type: "range", min: -4, max: 4, step: 0.1, value: 0 });
    slider.dataset.which = which;
    slider.addEventListener("input", () => { words(); draw(); });
    by("directions").append(make("label", {}, `Direction ${which}`, slider, make("output", {}, "0.0")));
  }
  for (let number = 0; number < ALIKE; number += 1) {
    const button = make("button", { type: "button" }, make("img", { alt: `Like it, number ${number + 1}` }));
    button.addEventListener("click", () => { near = [...near, number]; draw(); });
    by("alike").append(make("li", {}, button));
  }
  by("said").textContent = "";
  form.hidden = by("look").hidden = false;
  draw();
} catch (error) {
  by("said").textContent = "";
  tell(error.message);
}
