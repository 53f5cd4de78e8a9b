import { Distributions, isFive, LineChart } from "/chart.js";
import { showMap } from "/map.js";
import { address, duration, make, number, showJobs, showState, watch } from "/studio.js";

const MOST = 2000; // logged steps that the page keeps; of more, every second is left out
const by = (id) => document.getElementById(id);
const name = by("game").dataset.name;
const slider = by("at"), follow = by("follow"), preview = by("preview");
let mapped = ""; // the score whose map is shown
let steps = [], events = [], previews = [];
const ready = new Map(); // previews that were loaded, so that the slider does not flicker

const ROLES = [
  { scores: "scores_real", mean: "d_real", label: "real", role: "real" },
  { scores: "scores_fake", mean: "d_fake", label: "generated", role: "generated", dashed: true },
];
const outputs = new LineChart(by("outputs"), { yLabel: "output of D", range: [0, 1], pick, series: [] });
const distributions = new Distributions(by("scores"), ROLES);
const charts = [
  outputs,
  new LineChart(by("losses"), { yLabel: "loss", pick, series: [{ key: "loss_d", label: "discriminator", role: "ink" }, { key: "loss_g", label: "generator", role: "generated", dashed: true }] }),
  new LineChart(by("distance"), { yLabel: "distance", pick, series: [{ key: "distance", label: "distance", role: "generated" }] }),
];

function pick(kimg) {
  let best = 0;
  steps.forEach((step, i) => { if (Math.abs(step.kimg - kimg) < Math.abs(steps[best].kimg - kimg)) best = i; });
  follow.checked = best === steps.length - 1;
  slider.value = best;
  showMoment();
}

const time = (file) => parseFloat(file.replace("kimg_", ""));

function showMoment() {
  const step = steps[Number(slider.value)];
  if (step) {
    const text = `${number(step.kimg, 4)} kimg · step ${step.step.toLocaleString("en")} · ${duration(step.seconds)}`;
    by("moment").textContent = text;
    slider.setAttribute("aria-valuetext", text);
    for (const chart of charts) chart.mark(step.kimg);
    distributions.draw(step);
  }
  const until = step && !follow.checked ? step.kimg : Infinity;
  const file = previews.filter((one) => !(time(one) > until)).pop() || previews[0];
  if (!file) return;
  preview.hidden = false;
  by("no-preview").hidden = true;
  const source = address("/picture", { name, file: "previews/" + file });
  if (preview.getAttribute("src") !== source) preview.src = source;
  by("preview-time").textContent = Number.isFinite(time(file)) ? `at ${number(time(file), 4)} kimg` : "";
}

function showSteps() {
  slider.max = Math.max(0, steps.length - 1);
  slider.disabled = steps.length < 2;
  if (follow.checked) slider.value = slider.max;
  by("distances").hidden = steps.filter((step) => Number.isFinite(step.distance)).length < 2;
  const whole = steps.some((step) => isFive(step.scores_real));
  outputs.series = ROLES.map((one) => ({ ...one, key: whole ? one.scores : one.mean, band: whole }));
  by("scores-note").textContent = whole ? "Line: median; pale: half, and 9 of 10, of the images. Where the two overlap, it cannot tell them apart." : "Means: this training noted nothing of single images.";
  for (const chart of charts) chart.draw(steps);
  const last = steps[steps.length - 1];
  const speeds = steps.slice(-20).map((step) => step.images_per_second).filter(Number.isFinite);
  const facts = last ? [
    ["Length", `${number(last.kimg, 4)} kimg`, `${last.step.toLocaleString("en")} steps`],
    ["Time spent training", duration(last.seconds), ""],
    ["Speed", speeds.length ? `${number(speeds.reduce((a, b) => a + b) / speeds.length)} images/s` : "not recorded", ""],
  ] : [];
  by("facts").replaceChildren(...facts.map(([what, value, more]) => make("div", {}, make("dt", {}, what), make("dd", {}, value, make("small", {}, more)))));
}

function showEvents() {
  by("events-box").hidden = events.length === 0;
  by("events").replaceChildren(...events.slice(-200).map((event) => make("li", { className: event.event === "warning" ? "warns" : "" },
    `${number(event.kimg, 4)} kimg: ${event.text}`)));
}

const LINKS = {
  composed: () => address("/run", { name: name + "/composed" }),
  images: () => address("/images", { name }),
  report: () => address("/drawn", { name, file: "report.html" }),
};

function showParts(parts) {
  by("parts").replaceChildren(...(parts.length ? parts : [{ what: "", text: "Nothing yet." }]).map((part) => {
    const head = LINKS[part.what] ? make("a", { href: LINKS[part.what]() }, part.what) : make("b", {}, part.what);
    return make("li", {}, ...(part.what ? [head, ": "] : []), part.text);
  }));
}

watch({ kind: "run", name }, (news) => {
  if (news.reset) { steps = []; events = []; }
  if (news.jobs) showJobs(document.getElementById("jobs"), news.jobs);
  if (news.state) showState(by("state"), news.state);
  if (news.previews) {
    previews = news.previews;
    for (const file of previews.slice(-64)) {
      if (ready.has(file)) continue;
      const image = new Image();
      image.src = address("/picture", { name, file: "previews/" + file });
      ready.set(file, image);
    }
  }
  if (news.parts) {
    showParts(news.parts);
    const scored = news.parts.find((part) => part.what === "score")?.changed || "";
    if (scored !== mapped) { mapped = scored; showMap(by("map-box"), name); }
  }
  if (news.events) { events = events.concat(news.events); showEvents(); }
  if (news.steps) {
    steps = steps.concat(news.steps.filter((step) => Number.isFinite(step.kimg) && Number.isFinite(step.step)));
    if (steps.length > MOST) steps = steps.filter((_, i) => (steps.length - 1 - i) % 2 === 0);
    showSteps();
  }
  showMoment();
});

slider.addEventListener("input", () => {
  follow.checked = Number(slider.value) === Number(slider.max);
  showMoment();
});
follow.addEventListener("change", () => {
  if (follow.checked) slider.value = slider.max;
  showMoment();
});
