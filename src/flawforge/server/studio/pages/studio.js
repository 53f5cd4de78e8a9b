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

export const by = (id) => document.getElementById(id);

/** Say on the page what was refused; empty: nothing was. */
export function tell(error) {
  by("refused").textContent = error;
  by("refused").hidden = !error;
}

/** Ask for a JSON value; an error says in words why there is none. */
export async function ask(path, options) {
  const answer = await fetch(path, options).catch(() => null);
  const said = await answer?.json().catch(() => null);
  if (!answer?.ok) throw new Error(typeof said?.detail === "string" ? said.detail : answer ? "The studio does not take this." : "The studio does not answer.");
  return said;
}

/** Send a small JSON value; errors as of `ask`. */
export const post = (path, value) => ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(value) });

/** Return the buttons of a job: to stop it, or to start it once more. */
export function jobButtons(job) {
  const button = (words, path, then) => {
    const made = make("button", { type: "button", className: "act" }, words);
    made.addEventListener("click", async () => {
      made.disabled = true;
      try {
        then(await post(path, { id: job.id }));
      } catch (error) {
        tell(error.message);
      }
    });
    return made;
  };
  if (job.state === "running") return [button(job.stopping ? "Stop at once" : "Stop", "/jobs/stop", () => {})];
  if (job.state === "done") return [];
  return [button("Go on", "/jobs/again", ({ id }) => location.assign(address("/job", { id })))];
}

/** Show the jobs that work on what a page shows: those at work, and the latest. */
export function showJobs(place, jobs) {
  const shown = jobs.filter((job, i) => job.state === "running" || i === 0);
  place.replaceChildren(...shown.map((job) => make("li", {},
    make("a", { href: address("/job", { id: job.id }) }, job.title), " ",
    make("span", { className: "state " + job.state }, make("b", {}, job.state), " " + job.text), " ", ...jobButtons(job))));
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
