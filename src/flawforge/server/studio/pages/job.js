import { address, by, jobButtons, make, showState, watch } from "/studio.js";

const place = by("job");
const log = by("log");
const { id, out, kind } = place.dataset;

watch({ kind: "job", name: id }, (news) => {
  if (news.job) {
    showState(by("state"), { word: news.job.state, text: news.job.stopping && news.job.state === "running" ? "stopping: it saves what it has" : "" });
    const see = news.job.there ? [make("a", { href: address("/" + kind, { name: out }) }, "See " + out), " "] : [];
    place.replaceChildren(...see, ...jobButtons(news.job));
  }
  if (news.log !== undefined) {
    const below = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
    log.textContent = news.log || "Nothing yet.";
    if (below) log.scrollTop = log.scrollHeight;
  }
});
