import { address, by, jobButtons, make, watch } from "/studio.js";

const list = by("items");

function row(item) {
  const link = make("a", { href: address("/" + item.kind, { name: item.name }) },
    make("span", { className: "kind" }, item.kind), " ",
    make("b", {}, item.name), " ",
    make("span", { className: "said" }, item.summary), " ",
    make("span", { className: "state " + item.state }, make("b", {}, item.state), " " + item.text));
  return make("li", { className: item.kind }, link);
}

function showAll(jobs) {
  by("jobs-box").hidden = jobs.length === 0;
  by("jobs").replaceChildren(...jobs.map((job) => make("li", {},
    make("a", { href: address("/job", { id: job.id }) }, job.title + ": " + job.out), " ",
    make("span", { className: "state " + job.state }, make("b", {}, job.state), " " + job.text), " ", ...jobButtons(job))));
}

watch({}, (news) => {
  if (news.jobs) showAll(news.jobs);
  if (!news.items) return;
  const focused = document.activeElement && list.contains(document.activeElement) ? document.activeElement.href : "";
  list.replaceChildren(...news.items.map(row));
  if (focused) [...list.querySelectorAll("a")].find((link) => link.href === focused)?.focus();
  by("none").hidden = news.items.length > 0;
  by("cut").hidden = !news.cut;
});
