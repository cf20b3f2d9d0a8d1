/** The right side: one person, listening. Their bell, what they follow, and every event as it came. */

import { connect } from "/js/stream.js";
import { curl } from "./curl.js";
import { call, copier, h } from "./page.js";

const SHOWN = 200; // events
const FOLDED = 320; // characters of data; the rest is shown on demand

/** One event as the stream wrote it. @param {{id: string, type: string, data: any}} event */
function frame({ id, type, data }) {
  const text = JSON.stringify(data);
  const line = (/** @type {string} */ name, /** @type {any} */ value) => h("div", {}, h("span", { class: "key" }, `${name}: `), value);
  const quiet = type === "hello"; // for programs: a reader of the page sees that the stream is open
  const long = quiet || text.length > FOLDED;
  const whole = h("span", { class: long ? "folded" : null }, text);
  const raw = h("pre", {}, id && line("id", id), line("event", type), line("data", whole));
  raw.hidden = quiet;
  const item = h("li", { "data-type": type },
    h("div", { class: "what" }, h("b", {}, type), h("time", {}, new Date().toLocaleTimeString())),
    raw,
  );
  if (long) {
    const more = h("button", { type: "button", class: "more" }, "Show all");
    more.addEventListener("click", () => {
      const folded = whole.classList.toggle("folded");
      raw.hidden = quiet && folded;
      whole.textContent = folded ? text : JSON.stringify(data, null, 1);
      more.textContent = folded ? "Show all" : "Show less";
    });
    item.append(more);
  }
  return item;
}

/** @param {HTMLElement} section */
export function person(section) {
  const name = h("input", { class: "name", "aria-label": "Who", value: section.dataset.user, spellcheck: "false", maxlength: 200 });
  const bell = h("tidings-bell", { toasts: "off" });
  const state = h("span", { class: "state" });
  const follows = h("ul", { class: "follows", "aria-label": "Follows" });
  const command = h("code");
  const events = h("ol", { class: "events", tabindex: 0, "aria-label": "Events" });
  section.append(
    h("header", {}, h("div", { class: "who" }, name, state), bell),
    h("div", { class: "strip" }, command, copier(() => command.textContent)),
    follows,
    events,
  );

  /** @type {import("/js/stream.js").Connection | undefined} */
  let connection;
  let user = "";

  async function graph() {
    const whose = user;
    const { json } = await call("GET", `/v1/follows?user=${encodeURIComponent(whose)}`);
    if (whose !== user || !json) return;
    follows.replaceChildren(...json.data.map((/** @type {any} */ { topic }) => h("li", {}, `follows ${topic}`)));
  }

  function listen() {
    connection?.close();
    user = section.dataset.user = name.value.trim();
    events.replaceChildren();
    follows.replaceChildren();
    if (!user) {
      state.textContent = "Who is listening?";
      return;
    }
    bell.setAttribute("user", user);
    command.textContent = curl({ method: "GET", path: `/v1/stream?user=${encodeURIComponent(user)}`, stream: true }, location.origin);
    const mine = (connection = connect({ user })); // the same stream as the bell's: they share one connection
    const paint = () => {
      state.dataset.status = mine.status;
      state.textContent = mine.error ? mine.error.message : mine.status === "open" ? `live over ${mine.transport.replace("sse", "SSE")}` : mine.status;
    };
    paint();
    mine.addEventListener("status", () => mine === connection && paint());
    mine.addEventListener("event", (/** @type {any} */ { detail }) => {
      if (mine !== connection) return;
      events.prepend(frame(detail));
      while (events.childElementCount > SHOWN) events.lastElementChild.remove();
      if (detail.type === "hello" || detail.type.startsWith("follow.")) void graph();
    });
  }

  name.addEventListener("change", listen);
  listen();
}
