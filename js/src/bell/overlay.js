/**
 * The overlay of the bell: the list, the toasts, and the live region for screen readers. Fetched when the user reaches
 * for the bell, or when the first notification rings.
 */

import { cardText } from "./card.js";
import { h, set } from "./dom.js";
import { overlaySheet } from "./overlay.css.js";
import { createOverlayStrings } from "./overlay-strings.js";
import { createPanel } from "./panel.js";
import { createToasts } from "./toasts.js";

// Puts what both use into the same chunk as the element, which then weighs less.
export { TidingsBell } from "../element.js";

/** @import { Inbox, Item } from "../inbox.js" */
/** @import { Label } from "./strings.js" */

/**
 * The bell, as the overlay needs it.
 *
 * @typedef {object} Bell
 * @property {HTMLElement} button
 * @property {string | undefined} locale
 * @property {Record<string, Label>} labels
 * @property {Record<string, string>} icons by type of notification
 * @property {() => Inbox | undefined} store
 * @property {(name: string, detail: Record<string, unknown>) => boolean} dispatch dispatches an event; false if prevented
 */

/** @typedef {ReturnType<typeof createOverlay>} Overlay */

const MINUTE = 60_000; // ms
const SEEN_AFTER = 600; // ms on the screen before an item counts as seen
const ANNOUNCE_DELAY = 400; // ms in which arrivals are joined into one announcement

/** @param {Bell} bell */
export function createOverlay({ button, locale, labels, icons, store, dispatch }) {
  const strings = createOverlayStrings(locale, labels);
  let renderedCursor = ""; // of the snapshot on the screen
  let seenRefused = false; // markSeen failed: not again before the list is opened again
  let unannounced = 0; // notifications not yet announced
  /** @type {Record<string, ReturnType<typeof setTimeout> | undefined>} */
  const timers = {};
  const context = { strings, icons, activate };
  const liveRegion = h("div", { class: "visually-hidden", role: "status" });
  const toasts = createToasts(context, () => button.focus());
  const panel = createPanel(context, {
    toggleRead: (item) => change(item.status === "UNREAD" ? "markRead" : "unread", item),
    archive(item) {
      panel.notice(strings.text("archived"), strings.text("undo"), () => change("unarchive", item));
      change("archive", item);
    },
    markAll: () => report(store()?.markAllRead(renderedCursor)),
    loadMore: (list) => store()?.loadMore(list),
    reload: () => store()?.reload(),
    render,
    close() {
      // The browser gives the focus back to the element, which cannot take it; the button in it can.
      element.hidePopover();
      button.focus();
    },
  });
  const { element } = panel;
  element.addEventListener("beforetoggle", ({ newState }) => newState === "open" && position());
  element.addEventListener("toggle", ({ newState }) => onToggle(newState === "open"));

  /**
   * @param {"markRead" | "unread" | "archive" | "unarchive"} verb
   * @param {Item} item
   */
  const change = (verb, item) => report(store()?.[verb]([item.id]));

  /** Show a notice if an action is refused; the store has taken it back. @param {Promise<void> | undefined} action */
  const report = (action) => action?.catch(() => panel.notice(strings.text("refused")));

  /**
   * @param {Event} event
   * @param {Item} notification
   */
  function activate(event, notification) {
    if (notification.status === "UNREAD") change("markRead", notification);
    const proceed = dispatch("tidings:click", { notification });
    if (!proceed) event.preventDefault();
    if (panel.open && (!proceed || notification.action_url)) element.hidePopover();
  }

  function position() {
    panel.position(button.getBoundingClientRect());
  }

  function render() {
    const snapshot = store()?.getSnapshot();
    if (!snapshot) return;
    toasts.render(snapshot.items, Date.now());
    if (!panel.open) return;
    panel.render(snapshot, Date.now());
    renderedCursor = snapshot.cursor;
    if (snapshot.counters.unseen && !seenRefused) timers["seen"] ??= setTimeout(markSeen, SEEN_AFTER);
  }

  function markSeen() {
    timers["seen"] = undefined;
    if (!panel.open || document.hidden) return;
    store()?.markSeen(renderedCursor).catch(() => (seenRefused = true));
  }

  /** @param {boolean} open */
  function onToggle(open) {
    set(button, "aria-expanded", open);
    for (const type of ["resize", "scroll"]) {
      if (open) addEventListener(type, position, true);
      else removeEventListener(type, position, true);
    }
    clearInterval(timers["clock"]);
    if (!open) return panel.onClosed();
    seenRefused = false;
    toasts.clear();
    render();
    element.focus({ preventScroll: true });
    timers["clock"] = setInterval(() => panel.updateTimes(Date.now()), MINUTE);
  }

  return {
    sheet: overlaySheet(),
    nodes: [element, toasts.element, liveRegion],
    panel: element,
    render,

    /**
     * A notification arrived: show a toast, and announce it; many at once in one sentence.
     *
     * @param {Item} item
     * @param {boolean} toast
     */
    ring(item, toast) {
      if (toast && !panel.open) toasts.show(item, Date.now());
      unannounced += 1;
      timers["announce"] ??= setTimeout(() => {
        const { names, text, body } = cardText(item, strings);
        liveRegion.textContent = unannounced > 1 ? strings.text("many", unannounced) : `${names}${text} ${body}`;
        unannounced = 0;
        timers["announce"] = undefined;
      }, ANNOUNCE_DELAY);
    },

    show() {
      if (!panel.open) element.showPopover();
    },

    hide() {
      if (panel.open) element.hidePopover();
    },

    /** Close everything: the contents belong to an inbox that is detached. */
    close() {
      this.hide();
      onToggle(false); // a list that is removed from the page dispatches no toggle event
      toasts.clear();
      for (const name of Object.keys(timers)) {
        clearTimeout(timers[name]);
        delete timers[name];
      }
    },
  };
}
