// What all pages share: the stream of news, and small makers of elements. Text is always set as text, never as markup.

/** Follow /events while the page can be seen; `handle` is given each message. */
export function watch(query, handle) {
  const link = document.getElementById("link");
  let source = null;
  const open = () => {
    if (source || document.hidden) return;
    source = new EventSource("/events?" + new URLSearchParams(query));
    source.onopen = () => { link.textContent = ""; };
    source.onmessage = (event) => handle(JSON.parse(event.data));
    source.onerror = () => {
      link.textContent = "The studio does not answer.";
      if (source && source.readyState === EventSource.CLOSED) { source = null; setTimeout(open, 3000); }
    };
  };
  const close = () => { if (source) { source.close(); source = null; } };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
}

/** Make an element: properties, then children (text or elements). */
export function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export const address = (path, query) => path + "?" + new URLSearchParams(query);

export function showState(place, state) {
  place.className = "state " + state.word;
  place.replaceChildren(make("b", {}, state.word), " " + state.text);
}

export function number(value, digits = 3) {
  if (!Number.isFinite(value)) return "not recorded";
  return Number(value.toPrecision(digits)).toLocaleString("en", { maximumFractionDigits: 6 });
}

export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "not recorded";
  const whole = Math.round(seconds);
  if (whole < 60) return whole + " s";
  if (whole < 3600) return Math.floor(whole / 60) + " min " + (whole % 60) + " s";
  return Math.floor(whole / 3600) + " h " + Math.round((whole % 3600) / 60) + " min";
}
