/**
 * The card of one notification: actors, text, time, progress. Rows and toasts contain the same card.
 *
 * An update changes only what differs, so that a progress bar moves smoothly, a picture does not blink, and the focus
 * stays.
 */

import { setText } from "./controls.js";
import { h, set } from "./dom.js";
import { icon } from "./icon.js";
import { iconOf } from "./icon-paths.js";
import { safeUrl } from "./safe-url.js";

/** @import { Actor, Item } from "../inbox/model.js" */
/** @import { OverlayStrings } from "./overlay-strings.js" */

/**
 * The context of all cards of a bell.
 *
 * @typedef {object} CardContext
 * @property {OverlayStrings} strings
 * @property {Record<string, string>} icons by type of notification
 * @property {(event: Event, item: Item) => void} activate
 */

/** @typedef {ReturnType<typeof createCard>} Card */

const MAX_ACTORS = 3; // actors that the server sends with a group
const MAX_NAMED = 2; // actors named where there are more
const WORD = /^[\p{L}\p{N}]/u; // continues a longer word
const HUE_FACTOR = 31; // spreads names over the hues

/**
 * The name of an actor, else its id. The application sent the actor: both may be any JSON value.
 *
 * @param {Actor} actor
 * @returns {string} "" if there is neither
 */
export function actorName({ name, id }) {
  return String([name, id].find((value) => value !== "" && ["string", "number"].includes(typeof value)) ?? "");
}

const letters = new Intl.Segmenter();

/** The first letter as readers see it: a flag or an accented letter is several code points. @param {string} word */
const firstLetter = (word) => [...letters.segment(word)][0]?.segment ?? "";

/** @param {Actor} actor */
function createAvatar(actor) {
  const name = actorName(actor);
  const words = name.split(" ");
  const initials = [...new Set([words[0], words.at(-1)])].map((word) => firstLetter(word ?? ""));
  const element = h("span", { class: "avatar", part: "avatar" }, initials.join("").toUpperCase());
  const hue = [...name].reduce((sum, letter) => (sum * HUE_FACTOR + letter.charCodeAt(0)) % 360, 0);
  element.style.setProperty("--hue", String(hue));
  const src = safeUrl(actor.avatar_url);
  const picture = h("img", { src, alt: "", referrerpolicy: "no-referrer", onerror: () => picture.remove() });
  if (src) element.append(picture);
  return element;
}

/**
 * The number of actors of a group without a total (from an older server).
 *
 * @param {readonly Actor[]} actors
 * @param {number} count of notifications
 */
function actorCount(actors, count) {
  // Fewer than the server would send are all there are; the rest of the count is repetitions.
  return actors.length < MAX_ACTORS || count <= actors.length ? actors.length : Infinity;
}

/**
 * The text of a card. Where the title begins with the newest actor's name ("Bob liked your post"), the names of the
 * whole group replace it ("Bob, Alice and 3 others liked your post").
 *
 * @param {Item} item
 * @param {OverlayStrings} strings
 */
export function cardText({ type, title, body, actor, group }, strings) {
  const text = title || body || type;
  const actors = group?.actors.length ? group.actors : actor ? [actor] : [];
  const names = actors.map(actorName).filter(Boolean);
  const total = group?.total ?? actorCount(actors, group?.count ?? 1);
  const named = total > names.length ? names.slice(0, MAX_NAMED) : names;
  const others = total - named.length;
  const rest = others > 0 ? [total < Infinity ? strings.text("others", others) : strings.text("rest")] : [];
  const everyone = strings.list([...named, ...rest]);
  const first = names[0] ?? "";
  const startsWithName = first && text.startsWith(first) && !WORD.test(text.slice(first.length));
  return {
    actors,
    names: startsWithName ? everyone : [],
    text: startsWithName ? text.slice(first.length) : text,
    body: title && body ? body : "",
    by: !startsWithName && first && total > 1 ? everyone : [],
    times: group && group.count > Math.max(1, total) ? strings.text("times", group.count) : "",
  };
}

/**
 * @param {HTMLElement} element
 * @param {{type: string, value: string}[]} parts of a list of names; each is isolated, whatever its direction
 */
function setNames(element, parts) {
  const text = parts.map(({ value }) => value).join("");
  element.hidden = !text;
  if (element.textContent === text) return;
  element.replaceChildren(...parts.map(({ type, value }) => (type === "element" ? h("bdi", {}, value) : value)));
}

/** @param {CardContext} context */
export function createCard({ strings, icons, activate }) {
  /** @type {Item} */
  let item;
  let shownAvatars = "";
  const state = h("span", { class: "visually-hidden" });
  const names = h("b");
  const text = h("span");
  const body = h("span", { class: "body", part: "body", dir: "auto" });
  const time = h("time", { part: "time" });
  const [percent, by, times] = [h("span"), h("span"), h("span")];
  const avatars = h("span", { class: "avatars", "aria-hidden": true });
  const progress = h("progress", { max: 1, part: "progress", "aria-hidden": true }); // its percentage is text
  const link = h(
    "a",
    {
      class: "link",
      part: "link",
      onclick: (event) => activate(event, item),
      onauxclick: (event) => event.button === 1 && activate(event, item),
      onkeydown: (event) => {
        // A link is activated by Enter; without a URL it is a button, and is not.
        if (link.href || !["Enter", " "].includes(event.key)) return;
        event.preventDefault();
        activate(event, item);
      },
    },
    // Spaces, or some screen readers run the parts together. The time is last to be read, and stands beside the title.
    h("span", { class: "title", part: "title" }, state, h("bdi", {}, names, text)),
    " ",
    body,
    progress,
    " ",
    h("span", { class: "meta", part: "meta" }, percent, " ", by, " ", times),
    " ",
    time,
  );

  const displayTime = (/** @type {Item} */ { group, create_time, update_time }) => (group && update_time) || create_time;

  /** @param {Item} item */
  function render(item) {
    const content = cardText(item, strings);
    setText(state, item.status === "UNREAD" ? `${strings.text("unread")}: ` : "");
    setNames(names, content.names);
    setText(text, content.text);
    setText(body, content.body);
    setNames(by, content.by);
    setText(times, content.times);
    time.title = strings.dateTime(displayTime(item));
    const href = safeUrl(item.action_url);
    set(link, "href", href);
    set(link, "role", href ? null : "button");
    const done = item.progress ?? -1;
    progress.hidden = done < 0;
    progress.value = Math.max(0, done);
    setText(percent, done < 0 ? "" : `${Math.round(done * 100)}%`);
    const { path, hue } = iconOf(item);
    const wantedAvatars = JSON.stringify([item.type, item.priority, content.actors]);
    if (wantedAvatars === shownAvatars) return;
    shownAvatars = wantedAvatars;
    const custom = Object.hasOwn(icons, item.type) && icons[item.type];
    const typeIcon = h("span", { class: "kind", part: "kind" }, icon(custom || path));
    typeIcon.style.setProperty("--hue", String(hue));
    avatars.replaceChildren(...content.actors.slice(0, MAX_NAMED).map(createAvatar), typeIcon);
  }

  return {
    avatars,
    link,
    get item() {
      return item;
    },

    /**
     * Show a notification. An error is reported and does not affect the other cards.
     *
     * @param {Item} next
     * @param {number} now milliseconds since 1970
     */
    update(next, now) {
      try {
        if (next !== item) render((item = next));
        setText(time, strings.ago(displayTime(item), now));
      } catch (error) {
        reportError(error);
      }
    },
  };
}
