/**
 * One notification drawn: who, what, when, how far. The list and the toasts show the same card.
 *
 * Only what differs is drawn again, so that a progress bar glides, a picture does not blink, and whoever has
 * the focus keeps it.
 */

import { write } from "./controls.js";
import { h, set } from "./dom.js";
import { kindOf } from "./drawings.js";
import { icon } from "./icon.js";
import { safeUrl } from "./url.js";

/** @import { Actor, Item } from "../inbox/model.js" */
/** @import { Words } from "./words.js" */

/**
 * How cards are drawn and what a click on one does, for a whole bell.
 *
 * @typedef {object} Style
 * @property {Words} words
 * @property {Record<string, string>} icons by type of notification
 * @property {(event: Event, item: Item) => void} activate
 */

/** @typedef {ReturnType<typeof openCard>} Card */

const ACTORS = 3; // as many of a group's actors as the server names
const NAMED = 2; // as many as are named where there are more
const WORD = /^[\p{L}\p{N}]/u; // what goes on like this is a longer word
const SEED = 31; // spreads names over the colour circle

/**
 * What to call someone. An actor is what the application sent: a name or an id may be anything.
 *
 * @param {Actor} actor
 * @returns {string} "" where there is nothing to call them by
 */
export function called({ name, id }) {
  return String([name, id].find((word) => word !== "" && ["string", "number"].includes(typeof word)) ?? "");
}

/** @param {Actor} actor */
function face(actor) {
  const name = called(actor);
  const words = name.split(" ");
  const letters = [...new Set([words[0], words.at(-1)])].map((word) => [...(word ?? "")][0] ?? "");
  const element = h("span", { class: "face", part: "avatar" }, letters.join("").toUpperCase());
  const hue = [...name].reduce((sum, letter) => (sum * SEED + letter.charCodeAt(0)) % 360, 0);
  element.style.setProperty("--hue", String(hue));
  const src = safeUrl(actor.avatar_url);
  const picture = h("img", { src, alt: "", referrerpolicy: "no-referrer", onerror: () => picture.remove() });
  if (src) element.append(picture);
  return element;
}

/**
 * How many people a group is of, where it does not say (an event of an older server).
 *
 * @param {readonly Actor[]} actors
 * @param {number} count of notifications
 */
function known(actors, count) {
  // Fewer than the server would name are all there are; the rest of the count is the same people again.
  return actors.length < ACTORS || count <= actors.length ? actors.length : Infinity;
}

/**
 * What a card says. Where the title begins with the newest actor ("Bob liked your post"), the whole group
 * takes that place ("Bob, Alice and 3 others liked your post").
 *
 * @param {Item} item
 * @param {Words} words
 */
export function phrase({ title, body, actor, group }, words) {
  const text = title || body || "";
  const actors = group?.actors.length ? group.actors : actor ? [actor] : [];
  const names = actors.map(called).filter(Boolean);
  const people = group?.total ?? known(actors, group?.count ?? 1);
  const named = people > names.length ? names.slice(0, NAMED) : names;
  const others = people - named.length;
  const rest = others > 0 ? [people < Infinity ? words.say("others", others) : words.say("rest")] : [];
  const who = words.list([...named, ...rest]);
  const first = names[0] ?? "";
  const leads = first && text.startsWith(first) && !WORD.test(text.slice(first.length));
  return {
    actors,
    who: leads ? who : "",
    what: leads ? text.slice(first.length) : text,
    body: title && body ? body : "",
    by: !leads && first && people > 1 ? who : "",
    times: group && group.count > Math.max(1, people) ? words.say("times", group.count) : "",
  };
}

/** @param {Style} style */
export function openCard({ words, icons, activate }) {
  /** @type {Item} */
  let item;
  let faces = "";
  const state = h("span", { class: "aside" });
  const who = h("b");
  const what = h("span");
  const body = h("span", { class: "body", part: "body", dir: "auto" });
  const meta = [h("time"), h("span"), h("span"), h("span")];
  const [time, percent, by, times] = /** @type {[HTMLElement, HTMLElement, HTMLElement, HTMLElement]} */ (meta);
  const portrait = h("span", { class: "portrait", "aria-hidden": true });
  const progress = h("progress", { max: 1, part: "progress" });
  const main = h(
    "a",
    {
      class: "main",
      part: "link",
      onclick: (event) => activate(event, item),
      onkeydown: (event) => {
        // A link follows Enter by itself; without an address it is a button, and does not.
        if (main.href || !["Enter", " "].includes(event.key)) return;
        event.preventDefault();
        activate(event, item);
      },
    },
    h("span", { part: "title" }, state, h("bdi", {}, who, what)),
    body,
    progress,
    h("span", { class: "meta", part: "meta" }, ...meta),
  );

  const dated = (/** @type {Item} */ { group, create_time, update_time }) => (group && update_time) || create_time;

  /** @param {Item} item */
  function draw(item) {
    const said = phrase(item, words);
    write(state, item.status === "UNREAD" ? `${words.say("unread")}: ` : "");
    write(who, said.who);
    write(what, said.what);
    write(body, said.body);
    write(by, said.by);
    write(times, said.times);
    time.title = words.moment(dated(item));
    const href = safeUrl(item.action_url);
    set(main, "href", href);
    set(main, "role", href ? null : "button");
    const done = item.progress ?? -1;
    progress.hidden = done < 0;
    progress.value = Math.max(0, done);
    set(progress, "aria-label", said.what);
    write(percent, done < 0 ? "" : `${Math.round(done * 100)}%`);
    const { path, hue } = kindOf(item.type);
    const seen = JSON.stringify([item.type, said.actors]);
    if (seen === faces) return;
    faces = seen;
    const drawing = Object.hasOwn(icons, item.type) && icons[item.type];
    const kind = h("span", { class: "kind", part: "kind" }, icon(drawing || path));
    kind.style.setProperty("--hue", String(hue));
    portrait.replaceChildren(...said.actors.slice(0, NAMED).map(face), kind);
  }

  return {
    portrait,
    main,
    get item() {
      return item;
    },

    /**
     * A card that cannot be drawn as it should be is drawn as far as it goes: the others are not its fault.
     *
     * @param {Item} next
     * @param {number} now milliseconds since 1970
     */
    update(next, now) {
      try {
        if (next !== item) draw((item = next));
        write(time, words.ago(dated(item), now));
      } catch (error) {
        reportError(error);
      }
    },
  };
}
