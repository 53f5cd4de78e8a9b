// The map of real and generated images by features: click a point, or go through the generated ones by arrow keys.
import { element } from "/chart.js";
import { address, make, number } from "/studio.js";

const WIDTH = 440, HEIGHT = 330, EDGE = 14;
const ROLES = { training: ["real", "training image"], "held-out": ["real hollow", "real image, held out"], generated: ["generated", "generated image"] };

/** Fill a box with the map of a run; the box stays hidden where there is none. */
export async function showMap(box, name) {
  const answer = await fetch(address("/map", { name }));
  box.hidden = !answer.ok;
  if (!answer.ok) return;
  const { points, data, shares } = await answer.json();
  const place = box.querySelector(".map"), panel = box.querySelector(".picked"), choice = box.querySelector("select");
  const side = (axis) => { const all = points.map((point) => point[axis]); return [Math.min(...all), Math.max(...all)]; };
  const [left, right] = side("x"), [low, high] = side("y");
  const x = (value) => EDGE + (WIDTH - 2 * EDGE) * (value - left) / (right - left || 1);
  const y = (value) => HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (value - low) / (high - low || 1);
  const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart points", role: "application", tabindex: 0, "aria-label": `Map of ${points.length} images by features. Arrow keys go through the generated ones, nearest to a training image first.` });
  const dots = new Map();
  let picked = null;

  function pick(point) {
    dots.get(picked)?.classList.remove("picked");
    picked = point;
    dots.get(point)?.classList.add("picked");
    dots.get(point)?.parentNode.append(dots.get(point));
    const training = (file) => address("/data/picture", { name: data, file, large: false });
    const own = point.kind === "generated" ? address("/picture", { name, file: "synthetic/" + point.file }) : data && training(point.file);
    const apart = Number.isFinite(point.distance) ? `${number(point.distance)} × the usual distance` : "distance not measured";
    panel.replaceChildren(
      picture(own, `${ROLES[point.kind][1]}, ${point.label}`, point.file),
      ...(point.nearest ? [picture(data && training(point.nearest), `nearest training image, ${apart}`, point.nearest)] : []));
  }

  function draw() {
    const shown = points.filter((point) => !choice.value || point.label === choice.value);
    dots.clear();
    for (const kind of Object.keys(ROLES)) {
      for (const point of shown.filter((one) => one.kind === kind)) {
        const dot = element("circle", { class: ROLES[kind][0], cx: x(point.x), cy: y(point.y), r: 4 });
        dot.addEventListener("click", () => pick(point));
        dots.set(point, dot);
      }
    }
    svg.replaceChildren(...dots.values());
    const ordered = shown.filter((point) => point.kind === "generated").sort((a, b) => (a.distance ?? Infinity) - (b.distance ?? Infinity));
    svg.onkeydown = (event) => {
      const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!by || !ordered.length) return;
      event.preventDefault();
      pick(ordered[(ordered.indexOf(picked) + by + ordered.length) % ordered.length]);
    };
    if (ordered.length && !dots.has(picked)) pick(ordered[0]);
  }

  const labels = [...new Set(points.map((point) => point.label))].sort();
  choice.replaceChildren(make("option", { value: "" }, "all"), ...labels.map((label) => make("option", { value: label }, label)));
  choice.parentNode.hidden = labels.length < 2;
  choice.onchange = draw;
  box.querySelector(".axes").textContent = `The two directions in which the real images differ most: ${shares.map((share) => Math.round(100 * share) + "%").join(" and ")} of how they differ.`;
  place.replaceChildren(svg);
  draw();
}

function picture(source, words, file) {
  const shown = source ? make("img", { src: source, alt: words }) : make("p", { className: "none" }, "lies outside the folder of this studio");
  if (source) shown.addEventListener("error", () => shown.replaceWith(make("p", { className: "none" }, "cannot be shown")));
  return make("figure", {}, shown, make("figcaption", {}, words, make("small", { className: "file" }, file)));
}
