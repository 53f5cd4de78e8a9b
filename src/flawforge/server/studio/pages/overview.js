import { address, make, watch } from "/studio.js";

const list = document.getElementById("items");

function row(item) {
  const link = make("a", { href: address("/" + item.kind, { name: item.name }) },
    make("span", { className: "kind" }, item.kind), " ",
    make("b", {}, item.name), " ",
    make("span", { className: "said" }, item.summary), " ",
    make("span", { className: "state " + item.state }, make("b", {}, item.state), " " + item.text));
  return make("li", { className: item.kind }, link);
}

watch({}, (news) => {
  if (!news.items) return;
  const focused = document.activeElement && list.contains(document.activeElement) ? document.activeElement.href : "";
  list.replaceChildren(...news.items.map(row));
  if (focused) [...list.querySelectorAll("a")].find((link) => link.href === focused)?.focus();
  document.getElementById("none").hidden = news.items.length > 0;
  document.getElementById("cut").hidden = !news.cut;
});
