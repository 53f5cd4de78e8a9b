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

const DRAWN = 300; // points of a line: more would cost the reader's processor, and show no more

/** Return the indices of about `DRAWN` values, evenly spread, the last among them. */
function spread(count) {
  const every = Math.max(1, Math.ceil(count / DRAWN));
  return Array.from({ length: Math.ceil(count / every) }, (_, i) => count - 1 - i * every).reverse();
}

/** Return the median of the 2k+1 values about each index. */
function calm(values, half, at) {
  return at.map((i) => quantile(values.slice(Math.max(0, i - half), i + half + 1), 0.5));
}

export const isFive = (value) => Array.isArray(value) && value.length === 5 && value.every(Number.isFinite);

export class LineChart {
  /**
   * `series`: [{key, label, role, dashed, band}]; `range`: fixed [low, high], or none for what fits. A row's value is a
   * number, or with `band` the five quantiles of a distribution: then line, half and 9 of 10 of it are drawn.
   */
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
    const has = (one) => (row) => (one.band ? isFive(row[one.key]) : Number.isFinite(row[one.key]));
    const value = (one) => (row) => (one.band ? row[one.key][2] : row[one.key]);
    const known = this.series.map((one) => ({ ...one, rows: rows.filter(has(one)) })).filter((one) => one.rows.length > 1);
    this.end = rows.length ? rows[rows.length - 1].kimg || 1 : 1;
    const values = known.flatMap((one) => one.rows.map(value(one)));
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
      const y = one.rows.map(value(one));
      const half = Math.floor(y.length / 80), at = spread(y.length);
      if (one.band) for (const [low, high] of [[0, 4], [1, 3]]) parts.push(this.band(one, half, at, low, high));
      parts.push(this.path(one.rows, y, at, `line raw ${one.role}`));
      if (half) parts.push(this.path(one.rows, calm(y, half, at), at, `line ${one.role}${one.dashed ? " dashed" : ""}`));
      else parts[parts.length - 1].setAttribute("class", `line ${one.role}${one.dashed ? " dashed" : ""}`);
      parts.push(element("line", { class: `line ${one.role}${one.dashed ? " dashed" : ""}`, x1: side, x2: side + 18, y1: 9, y2: 9 }));
      parts.push(element("text", { class: one.role, x: side + 23, y: 13 }, one.label));
      side += 40 + one.label.length * 6.4;
    }
    this.lines.replaceChildren(...parts);
    this.svg.setAttribute("aria-label", known.map((one) => `${one.label}: ${Number(value(one)(one.rows[one.rows.length - 1]).toPrecision(3))} at the end`).join("; ") || "Nothing is logged yet.");
  }

  path(rows, y, at, kind) {
    const place = (value) => this.y(Math.min(this.high, Math.max(this.low, value))).toFixed(1);
    const value = y.length === at.length ? (i) => y[i] : (i) => y[at[i]];
    const points = at.map((row, i) => `${i ? "L" : "M"}${this.x(rows[row].kimg).toFixed(1)} ${place(value(i))}`);
    return element("path", { class: kind, d: points.join("") });
  }

  band(one, half, at, low, high) {
    const side = (end) => calm(one.rows.map((row) => row[one.key][end]), half, at);
    const point = (y) => (row, i) => `${this.x(one.rows[row].kimg).toFixed(1)} ${this.y(y[i]).toFixed(1)}`;
    const up = at.map(point(side(high))), down = at.map(point(side(low))).reverse();
    return element("path", { class: `band ${one.role}`, d: `M${[...up, ...down].join("L")}Z` });
  }

  mark(kimg) {
    this.cursor.setAttribute("x1", this.x(kimg));
    this.cursor.setAttribute("x2", this.x(kimg));
  }
}

const SHARES = [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1];
const GRID = 120, WIDE = 0.03; // points of a curve, and width of what is laid about each image

/** Two distributions between 0 and 1 at one moment, drawn from five quantiles each; means where there are no more. */
export class Distributions {
  constructor(place, roles) {
    this.roles = roles;
    this.svg = element("svg", { viewBox: `0 0 ${WIDTH} 130`, class: "chart", role: "img" });
    place.replaceChildren(this.svg);
  }

  draw(row) {
    const bottom = 96, x = (value) => LEFT + (WIDTH - LEFT - RIGHT) * value, parts = [], words = [];
    parts.push(element("line", { class: "rule", x1: LEFT, x2: WIDTH - RIGHT, y1: bottom, y2: bottom }));
    for (const value of [0, 0.25, 0.5, 0.75, 1]) parts.push(element("text", { x: x(value), y: bottom + 14, "text-anchor": "middle" }, String(value)));
    parts.push(element("text", { x: LEFT, y: bottom + 30 }, "generated"), element("text", { x: WIDTH - RIGHT, y: bottom + 30, "text-anchor": "end" }, "real"));
    parts.push(element("text", { x: x(0.5), y: bottom + 30, "text-anchor": "middle" }, "what the discriminator takes an image for"));
    const curves = this.roles.map((one) => (isFive(row[one.scores]) ? density(row[one.scores]) : null));
    const highest = Math.max(1e-9, ...curves.flatMap((curve) => curve || []));
    this.roles.forEach((one, i) => {
      const mean = row[one.mean];
      if (curves[i]) {
        const points = curves[i].map((y, at) => `${x(at / GRID).toFixed(1)} ${(bottom - 80 * y / highest).toFixed(1)}`);
        parts.push(element("path", { class: `band ${one.role}`, d: `M${x(0)} ${bottom}L${points.join("L")}L${x(1)} ${bottom}Z` }));
        parts.push(element("path", { class: `line ${one.role}${one.dashed ? " dashed" : ""}`, d: `M${points.join("L")}` }));
        words.push(`${one.label}: half of the images between ${row[one.scores][1].toFixed(2)} and ${row[one.scores][3].toFixed(2)}`);
      } else if (Number.isFinite(mean)) {
        parts.push(element("line", { class: `line ${one.role}${one.dashed ? " dashed" : ""}`, x1: x(mean), x2: x(mean), y1: 24, y2: bottom }));
        words.push(`${one.label}: mean ${mean.toFixed(2)}`);
      }
    });
    this.svg.replaceChildren(...parts);
    this.svg.setAttribute("aria-label", words.join("; ") || "Nothing is logged yet.");
  }
}

/** Return the heights of a smooth curve over 0 to 1 from five quantiles; the ends reach out by what lies next to them. */
function density(five) {
  const known = [Math.max(0, 2 * five[0] - five[1]), ...five, Math.min(1, 2 * five[4] - five[3])];
  const heights = new Array(GRID + 1).fill(0);
  for (let k = 0.5; k < GRID; k += 1) {
    const share = k / GRID, after = SHARES.findIndex((one) => one >= share);
    const part = (share - SHARES[after - 1]) / (SHARES[after] - SHARES[after - 1]);
    const image = known[after - 1] + part * (known[after] - known[after - 1]);
    for (let at = 0; at <= GRID; at += 1) heights[at] += Math.exp(-(((at / GRID - image) / WIDE) ** 2) / 2);
  }
  return heights;
}
