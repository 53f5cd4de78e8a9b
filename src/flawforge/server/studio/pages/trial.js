import { make, showJobs, showState, watch } from "/studio.js";

const verdict = document.getElementById("verdict");

watch({ kind: "trial", name: document.getElementById("trial").dataset.name }, (news) => {
  if (news.jobs) showJobs(document.getElementById("jobs"), news.jobs);
  if (news.state) showState(document.getElementById("state"), news.state);
  if (news.verdict) {
    verdict.replaceChildren(
      make("h2", {}, news.verdict.title),
      ...news.verdict.lines.map((line) => make("p", {}, line)),
      make("ul", { className: "limits" }, ...news.verdict.advice.map((line) => make("li", {}, line))));
  }
});
