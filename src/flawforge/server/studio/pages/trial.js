import { intervals } from "/intervals.js";
import { by, duration, make, showJobs, showState, watch } from "/studio.js";

const known = { state: { word: "stopped" }, progress: null, verdict: null, report: false };

function showFar(progress, running) {
  by("far").hidden = !progress;
  if (!progress) return;
  const facts = [
    ["Cells", `${progress.done} of ${progress.cells}`, "trainings of one generator or classifier"],
    ["Repeats", `${progress.whole} of ${progress.repeats}`, ""],
    ...(running ? [["Time left", "about " + duration(progress.seconds_left), ""]] : []),
  ];
  by("facts").replaceChildren(...facts.map(([what, value, more]) => make("div", {}, make("dt", {}, what), make("dd", {}, value, make("small", {}, more)))));
  by("cells").max = progress.cells || 1;
  by("cells").value = progress.done;
  by("plan-box").hidden = progress.told.length === 0;
  by("plan").replaceChildren(...progress.told.map((line) => make("li", {}, line)));
}

/** Say what may be read: nothing before an analysis, no verdict before the end. */
function reading(running, verdict, looks) {
  if (verdict && !running) {
    const none = verdict.gains.length ? "" : "There is no interval to draw: the choice inside the training images took none that were generated. ";
    return none + (verdict.complete ? "" : `Of the ${verdict.planned} repeats that were planned not all are done: more may change this.`);
  }
  const last = looks[looks.length - 1];
  if (!running) return "Not yet to be read: the trial has ended before its first whole repeat. Go on with it.";
  if (!last) return "Not yet to be read: no analysis has been made. The first is made when the plan allows it; what single repeats show before that is chance.";
  return `No verdict yet: this is the interim analysis after ${last.repeats} of ${last.planned} repeats. Its intervals are wider than those of the end, for having looked early. The trial ends by itself as soon as the evidence is clear.`;
}

function show() {
  const { progress, state } = known, running = state.word === "running";
  const looks = progress ? progress.looks : [], verdict = running ? null : known.verdict;
  showState(by("state"), state);
  showFar(progress, running);
  by("verdict-box").hidden = !verdict;
  by("title").textContent = verdict ? verdict.title : "Do new images help?";
  by("report").hidden = !(verdict && known.report);
  by("verdict").replaceChildren(...(verdict ? [
    ...verdict.lines.map((line) => make("p", { className: "lead" }, line)),
    make("ul", { className: "limits" }, ...verdict.advice.map((line) => make("li", {}, line))),
  ] : []));
  const said = reading(running, known.verdict, looks);
  by("reading").textContent = said;
  by("reading").hidden = !said;
  by("intervals").replaceChildren(...intervals(looks, verdict));
}

watch({ kind: "trial", name: by("trial").dataset.name }, (news) => {
  if (news.jobs) showJobs(by("jobs"), news.jobs);
  for (const key of Object.keys(known)) if (key in news) known[key] = news[key];
  show();
});
