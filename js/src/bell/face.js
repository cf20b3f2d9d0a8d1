/**
 * What the bell shows when there is something to show: the list, the toasts, and a voice for screen readers.
 * It is fetched when someone reaches for the bell, or when the first notification rings.
 */

import { phrase } from "./card.js";
import { h, set } from "./dom.js";
import { faceSheet } from "./face.css.js";
import { openPanel } from "./panel.js";
import { openToasts } from "./toasts.js";
import { openWords } from "./words.js";

/** @import { Inbox, Item } from "../inbox.js" */
/** @import { Label } from "./voice.js" */

/**
 * The bell, as its face needs it.
 *
 * @typedef {object} Bell
 * @property {HTMLElement} button
 * @property {string | undefined} locale
 * @property {Record<string, Label>} labels
 * @property {Record<string, string>} icons by type of notification
 * @property {() => Inbox | undefined} store
 * @property {(name: string, detail: Record<string, unknown>) => boolean} tell dispatches an event; false if prevented
 */

/** @typedef {ReturnType<typeof openFace>} Face */

const MINUTE = 60_000; // ms
const SEEN = 600; // ms that something is on the screen before it counts as seen
const SPEAK = 400; // ms in which arrivals are joined into one announcement

/** @param {Bell} bell */
export function openFace({ button, locale, labels, icons, store, tell }) {
  const words = openWords(locale, labels);
  let drawn = ""; // cursor of the picture on the screen
  let refused = false; // "seen" was: not again before the list opens anew
  let arrived = 0; // notifications that were not yet spoken of
  /** @type {Record<string, ReturnType<typeof setTimeout> | undefined>} */
  const timers = {};
  const style = { words, icons, activate };
  const live = h("div", { class: "aside", role: "status" });
  const toasts = openToasts(style, () => button.focus());
  const panel = openPanel(style, {
    toggle: (item) => act(item.status === "UNREAD" ? "markRead" : "unread", item),
    archive(item) {
      panel.notice(words.say("archived"), words.say("undo"), () => act("unarchive", item));
      act("archive", item);
    },
    markAll: () => attempt(store()?.markAllRead(drawn)),
    loadMore: (list) => store()?.loadMore(list),
    reload: () => store()?.reload(),
    render,
    leave() {
      // The browser gives the focus back to the element, which cannot take it; the button in it can.
      element.hidePopover();
      button.focus();
    },
  });
  const { element } = panel;
  element.addEventListener("beforetoggle", ({ newState }) => newState === "open" && place());
  element.addEventListener("toggle", ({ newState }) => toggled(newState === "open"));

  /**
   * @param {"markRead" | "unread" | "archive" | "unarchive"} verb
   * @param {Item} item
   */
  const act = (verb, item) => attempt(store()?.[verb]([item.id]));

  /** What was refused is back as it was; say so. @param {Promise<void> | undefined} deed */
  const attempt = (deed) => deed?.catch(() => panel.notice(words.say("refused")));

  /**
   * @param {Event} event
   * @param {Item} notification
   */
  function activate(event, notification) {
    if (notification.status === "UNREAD") act("markRead", notification);
    const proceed = tell("tidings:click", { notification });
    if (!proceed) event.preventDefault();
    if (panel.open && (!proceed || notification.action_url)) element.hidePopover();
  }

  function place() {
    panel.place(button.getBoundingClientRect());
  }

  function render() {
    const snapshot = store()?.getSnapshot();
    if (!snapshot) return;
    toasts.render(snapshot.items, Date.now());
    if (!panel.open) return;
    panel.render(snapshot, Date.now());
    drawn = snapshot.cursor;
    if (snapshot.counters.unseen && !refused) timers["see"] ??= setTimeout(see, SEEN);
  }

  /** What is on the screen for a moment has been seen. */
  function see() {
    timers["see"] = undefined;
    if (!panel.open || document.hidden) return;
    store()?.markSeen(drawn).catch(() => (refused = true));
  }

  /** @param {boolean} open */
  function toggled(open) {
    set(button, "aria-expanded", open);
    for (const type of ["resize", "scroll"]) {
      if (open) addEventListener(type, place, true);
      else removeEventListener(type, place, true);
    }
    clearInterval(timers["clock"]);
    if (!open) return panel.rest();
    refused = false;
    toasts.clear();
    render();
    element.focus({ preventScroll: true });
    timers["clock"] = setInterval(() => panel.tick(Date.now()), MINUTE);
  }

  return {
    sheet: faceSheet(),
    nodes: [element, toasts.element, live],
    panel: element,
    render,

    /**
     * A notification has arrived: show it, and tell a screen reader; many at once in one sentence.
     *
     * @param {Item} item
     * @param {boolean} toast
     */
    ring(item, toast) {
      if (toast && !panel.open) toasts.show(item, Date.now());
      arrived += 1;
      timers["speak"] ??= setTimeout(() => {
        const { who, what, body } = phrase(item, words);
        live.textContent = arrived > 1 ? words.say("many", arrived) : `${who}${what} ${body}`;
        arrived = 0;
        timers["speak"] = undefined;
      }, SPEAK);
    },

    show() {
      if (!panel.open) element.showPopover();
    },

    hide() {
      if (panel.open) element.hidePopover();
    },

    /** Put everything away: what is shown belongs to an inbox that is left. */
    close() {
      this.hide();
      toggled(false); // a list that leaves the page is closed without a word
      toasts.clear();
      for (const name of Object.keys(timers)) {
        clearTimeout(timers[name]);
        delete timers[name];
      }
    },
  };
}
