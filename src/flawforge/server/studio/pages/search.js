import { by, showState, watch } from "/studio.js";

const state = by("state");

watch({}, (news) => {
  const item = (news.items || []).find((one) => one.kind === "search" && one.name === state.dataset.name);
  if (!item) return;
  showState(state, { word: item.state, text: item.text });
  by("said").textContent = item.summary;
});
