import { address, jobButtons, make, showState, watch } from "/studio.js";

const place = document.getElementById("job");
const log = document.getElementById("log");
const { id, out, kind } = place.dataset;

watch({ kind: "job", name: id }, (news) => {
  if (news.job) {
    showState(document.getElementById("state"), { word: news.job.state, text: news.job.stopping && news.job.state === "running" ? "stopping: it saves what it has" : "" });
    const see = news.job.there ? [make("a", { href: address("/" + kind, { name: out }) }, "See " + out), " "] : [];
    place.replaceChildren(...see, ...jobButtons(news.job));
  }
  if (news.log !== undefined) {
    const below = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
    log.textContent = news.log || "Nothing yet.";
    if (below) log.scrollTop = log.scrollHeight;
  }
});
