// Intervals of a trial as they narrow, a chart for each comparison. Those of interim analyses are drawn quiet and open:
// only the last, of the verdict, is drawn full.
import { element, ticks } from "/chart.js";
import { make } from "/studio.js";

const WIDTH = 440, HEIGHT = 230, LEFT = 44, RIGHT = 12, TOP = 12, BOTTOM = 40;

/** Return a figure for each comparison, from the interim analyses and the verdict, or null. */
export function intervals(looks, verdict) {
  const charts = new Map();
  const add = (gain, repeats, planned, last) => {
    if (![gain.value, gain.low, gain.high].every(Number.isFinite)) return;
    const chart = charts.get(gain.where) || { planned, marks: [] };
    chart.planned = Math.max(chart.planned, planned, repeats);
    chart.marks = [...chart.marks.filter((mark) => mark.repeats !== repeats), { ...gain, repeats, last }];
    charts.set(gain.where, chart);
  };
  for (const look of looks) for (const gain of look.gains) add(gain, look.repeats, look.planned, false);
  for (const gain of verdict ? verdict.gains : []) add(gain, gain.repeats, verdict.planned, true);
  return [...charts].map(([where, chart]) => figure(where, chart));
}

function figure(where, { planned, marks }) {
  const ends = [0, ...marks.flatMap((mark) => [mark.low, mark.high])];
  const low = Math.min(...ends) - 1, high = Math.max(...ends) + 1;
  const x = (repeats) => LEFT + (WIDTH - LEFT - RIGHT) * (repeats - 0.5) / planned;
  const y = (value) => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low);
  const newest = marks[marks.length - 1];
  const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": `${where}. After ${newest.repeats} of ${planned} repeats: ${newest.text}${newest.last ? "" : ", no verdict"}.` });
  for (const value of ticks(low, high, 5)) {
    svg.append(element("line", { class: "rule", x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }));
    svg.append(element("text", { x: LEFT - 5, y: y(value) + 4, "text-anchor": "end" }, (value > 0 ? "+" : "") + value));
  }
  svg.append(element("line", { class: "line ink", x1: LEFT, x2: WIDTH - RIGHT, y1: y(0), y2: y(0) }));
  const step = Math.ceil(planned / 12);
  for (let repeats = step; repeats <= planned; repeats += step) svg.append(element("text", { x: x(repeats), y: HEIGHT - BOTTOM + 15, "text-anchor": "middle" }, String(repeats)));
  svg.append(element("text", { x: LEFT, y: HEIGHT - 6 }, "gain in points; 0: no change"), element("text", { x: WIDTH - RIGHT, y: HEIGHT - 6, "text-anchor": "end" }, "repeats that were done"));
  for (const mark of marks) {
    const kind = mark.last ? "generated" : "open";
    svg.append(element("line", { class: `interval ${kind}`, x1: x(mark.repeats), x2: x(mark.repeats), y1: y(mark.low), y2: y(mark.high) }));
    svg.append(element("circle", { class: `interval ${kind}`, cx: x(mark.repeats), cy: y(mark.value), r: mark.last ? 5 : 3.5 }));
  }
  return make("figure", { className: "plot" }, make("figcaption", {}, make("h3", {}, where)), svg,
    make("figcaption", { className: "note" }, `After ${newest.repeats} of ${planned} repeats: ${newest.text}.` + (newest.last ? "" : " Not a verdict.")));
}
