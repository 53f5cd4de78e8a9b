// Line charts as inline SVG, in the colours of the page. x is always the length of the training in kimg.
const SPACE = "http://www.w3.org/2000/svg";
const WIDTH = 440, HEIGHT = 210, LEFT = 44, RIGHT = 8, TOP = 22, BOTTOM = 34;

export function element(name, attributes, text) {
  const made = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Return round numbers from low to high, about `count` of them. */
export function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough * 0.999);
  const found = [];
  for (let value = Math.ceil(low / step - 1e-9) * step; value <= high + step * 1e-6; value += step) found.push(Number(value.toPrecision(12)));
  return found;
}

function quantile(values, share) {
  const ordered = [...values].sort((a, b) => a - b);
  return ordered[Math.min(ordered.length - 1, Math.floor(share * ordered.length))];
}

/** Return the median of the 2k+1 values about each. */
function calm(values, half) {
  return values.map((_, i) => quantile(values.slice(Math.max(0, i - half), i + half + 1), 0.5));
}

export class LineChart {
  /** `series`: [{key, label, role, dashed}]; `range`: fixed [low, high], or none for what fits. */
  constructor(place, { series, yLabel, range, pick }) {
    this.series = series;
    this.range = range;
    this.yLabel = yLabel;
    this.svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img" });
    this.lines = element("g", {});
    this.cursor = element("line", { class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM });
    this.svg.append(this.lines, this.cursor);
    place.replaceChildren(this.svg);
    this.end = 1;
    if (pick) {
      this.svg.addEventListener("click", (event) => {
        const box = this.svg.getBoundingClientRect();
        pick(this.end * Math.max(0, Math.min(1, ((event.clientX - box.left) / box.width * WIDTH - LEFT) / (WIDTH - LEFT - RIGHT))));
      });
    }
  }

  x(kimg) { return LEFT + (WIDTH - LEFT - RIGHT) * (kimg / this.end); }

  y(value) { return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - this.low) / (this.high - this.low); }

  draw(rows) {
    const known = this.series.map((one) => ({ ...one, rows: rows.filter((row) => Number.isFinite(row[one.key])) })).filter((one) => one.rows.length > 1);
    this.end = rows.length ? rows[rows.length - 1].kimg || 1 : 1;
    const values = known.flatMap((one) => one.rows.map((row) => row[one.key]));
    [this.low, this.high] = this.range || [Math.min(0, ...values), (values.length ? quantile(values, 0.98) : 1) * 1.15 || 1];
    const parts = [];
    for (const value of ticks(this.low, this.high, 4)) {
      parts.push(element("line", { class: "rule", x1: LEFT, x2: WIDTH - RIGHT, y1: this.y(value), y2: this.y(value) }));
      parts.push(element("text", { x: LEFT - 5, y: this.y(value) + 4, "text-anchor": "end" }, String(value)));
    }
    for (const kimg of ticks(0, this.end, 5)) parts.push(element("text", { x: this.x(kimg), y: HEIGHT - BOTTOM + 14, "text-anchor": "middle" }, String(kimg)));
    parts.push(element("text", { x: WIDTH - RIGHT, y: HEIGHT - 4, "text-anchor": "end" }, "thousand real images shown (kimg)"));
    parts.push(element("text", { x: LEFT, y: HEIGHT - 4 }, this.yLabel));
    let side = LEFT;
    for (const one of known) {
      const y = one.rows.map((row) => row[one.key]);
      parts.push(this.path(one.rows, y, `line raw ${one.role}`));
      const half = Math.floor(y.length / 80);
      if (half) parts.push(this.path(one.rows, calm(y, half), `line ${one.role}${one.dashed ? " dashed" : ""}`));
      else parts[parts.length - 1].setAttribute("class", `line ${one.role}${one.dashed ? " dashed" : ""}`);
      parts.push(element("line", { class: `line ${one.role}${one.dashed ? " dashed" : ""}`, x1: side, x2: side + 18, y1: 9, y2: 9 }));
      parts.push(element("text", { class: one.role, x: side + 23, y: 13 }, one.label));
      side += 40 + one.label.length * 6.4;
    }
    this.lines.replaceChildren(...parts);
    this.svg.setAttribute("aria-label", known.map((one) => `${one.label}: ${Number(one.rows[one.rows.length - 1][one.key].toPrecision(3))} at the end`).join("; ") || "Nothing is logged yet.");
  }

  path(rows, y, kind) {
    const place = (value) => this.y(Math.min(this.high, Math.max(this.low, value))).toFixed(1);
    const points = rows.map((row, i) => `${i ? "L" : "M"}${this.x(row.kimg).toFixed(1)} ${place(y[i])}`);
    return element("path", { class: kind, d: points.join("") });
  }

  mark(kimg) {
    this.cursor.setAttribute("x1", this.x(kimg));
    this.cursor.setAttribute("x2", this.x(kimg));
  }
}
