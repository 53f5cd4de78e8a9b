"use strict";
// The blind test: one image at a time, answers by button or key, and at the end the share that was right with its
// interval (Wilson 1927). Nothing leaves the page.
const at = (id) => document.getElementById(id);
const images = [...document.querySelectorAll("#stage img")];
let answers = [];

function wilson(hits, total) {
  const z = 1.959963984540054;
  const share = hits / total, spread = z * z / total;
  const middle = (share + spread / 2) / (1 + spread);
  const half = z * Math.sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread);
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

function percent(share) {
  const whole = Math.round(100 * share);
  return `${share > 0 && whole === 0 ? 1 : share < 1 && whole === 100 ? 99 : whole}%`;
}

function show() {
  const done = answers.length === images.length;
  images.forEach((image, index) => { image.hidden = index !== answers.length; });
  at("test").hidden = done;
  at("result").hidden = !done;
  at("back").disabled = answers.length === 0;
  if (done) { tell(); return; }
  at("place").textContent = `${answers.length + 1} of ${images.length}`;
}

function tell() {
  const kinds = images.map((image) => image.dataset.kind), total = images.length;
  const right = kinds.filter((kind, index) => kind === answers[index]).length;
  const [low, high] = wilson(right, total);
  const of = (kind) => {
    const rows = kinds.map((own, index) => [own, answers[index]]).filter((pair) => pair[0] === kind);
    return `${rows.filter((pair) => pair[1] === kind).length} of ${rows.length}`;
  };
  const outcome = `${right} of ${total} right: ${percent(right / total)} (95% interval ${percent(low)} to ${percent(high)})`;
  const meaning = low > 0.5 ? "You can tell them apart: guessing would be right in 50%."
    : high < 0.5 ? "You were wrong more often than by guessing: something tells them apart, but not as you thought."
    : "It was not shown that you can tell them apart: the interval holds 50%, what guessing brings.";
  at("outcome").textContent = outcome;
  at("meaning").textContent = meaning;
  at("text").value = ["Flawforge blind test: real or generated?", outcome, meaning, `real images called real: ${of("real")}`,
    `generated images called generated: ${of("generated")}`, `score made ${at("text").dataset.made}, ${at("text").dataset.report}`,
    `answers: ${kinds.map((kind, index) => `${kind[0]}${answers[index][0]}`).join(" ")} (first letter: what it is)`].join("\n");
  at("answers").replaceChildren(...images.map((image, index) => {
    const figure = document.createElement("figure"), words = document.createElement("figcaption"), copy = image.cloneNode();
    copy.hidden = false;
    words.textContent = `${index + 1}: ${kinds[index]}, ${kinds[index] === answers[index] ? "right" : "wrong"}`;
    figure.append(copy, words);
    return figure;
  }));
  at("outcome").focus();
}

function answer(kind) {
  if (answers.length < images.length) { answers.push(kind); show(); }
}

function back() {
  if (answers.length < images.length) { answers.pop(); show(); }
}

at("real").addEventListener("click", () => answer("real"));
at("generated").addEventListener("click", () => answer("generated"));
at("back").addEventListener("click", back);
at("again").addEventListener("click", () => { answers = []; show(); });
at("copy").addEventListener("click", () => { at("text").select(); document.execCommand("copy"); });
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !at("result").hidden) return;
  const key = event.key.toLowerCase();
  if (key === "r" || key === "arrowleft") answer("real");
  else if (key === "g" || key === "arrowright") answer("generated");
  else if (key === "backspace") back();
  else return;
  event.preventDefault();
});
show();
