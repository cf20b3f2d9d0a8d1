/**
 * The overlay of the bell: the list, the toasts, the chime, and the live region for screen readers. Fetched when the
 * page is idle, and created when the user reaches for the bell, or when the first notification rings.
 */

import { cardText } from "./card.js";
import { h, set } from "./dom.js";
import { overlaySheet } from "./overlay.css.js";
import { createOverlayStrings } from "./overlay-strings.js";
import { createPanel } from "./panel.js";
import { createToasts, isCritical } from "./toasts.js";

// Puts what both use into the same chunk as the element, which then weighs less.
export { TidingsBell } from "../element.js";

/** @import { Inbox, InboxEvent, Item, Snapshot } from "../inbox.js" */
/** @import { Label } from "./strings.js" */

/**
 * The bell, as the overlay needs it.
 *
 * @typedef {object} Bell
 * @property {HTMLElement} host
 * @property {HTMLElement} button
 * @property {string | undefined} locale
 * @property {() => Record<string, Label>} labels
 * @property {Record<string, string>} icons by type of notification
 * @property {() => Inbox | undefined} store
 * @property {() => void} onPageChange the page may have changed its language
 */

/** @typedef {ReturnType<typeof createOverlay>} Overlay */

const MINUTE = 60_000; // ms
const SEEN_AFTER = 600; // ms on the screen before an item counts as seen
const ANNOUNCE_DELAY = 400; // ms in which arrivals are joined into one announcement
const OFFLINE_AFTER = 10_000; // ms without a stream before the bell shows it
const MAX_ARRIVALS = 50; // that a hidden page keeps for its return, and all that are critical
const RING_TIME = 800; // ms of the bell's animation; arrivals meanwhile do not ring again

const loadChime = () => import("./chime.js");

/** @param {Bell} bell */
export function createOverlay({ host, button, locale, labels, icons, store, onPageChange }) {
  const strings = createOverlayStrings(locale, labels);
  let renderedCursor = ""; // of the snapshot on the screen
  let seenRefused = false; // markSeen failed: not again before the list is opened again
  let unannounced = 0; // notifications not yet announced
  /** @type {Item | undefined} the last of them */
  let latest;
  /** @type {Item[]} notifications without a toast yet, oldest first */
  let arrivals = [];
  /** @type {Record<string, ReturnType<typeof setTimeout> | undefined>} */
  const timers = {};
  const context = { strings, icons, activate };
  const liveRegion = h("div", { class: "visually-hidden", role: "status" });
  const toasts = createToasts(context, () => button.focus());
  const panel = createPanel(context, {
    toggleRead: (item) => change(item.status === "UNREAD" ? "markRead" : "unread", item),
    toggleArchived(item) {
      const unarchive = () => change("unarchive", item);
      if (item.status === "ARCHIVED") return unarchive();
      panel.notice(strings.text("archived"), strings.text("undo"), unarchive);
      change("archive", item);
    },
    markAll: () => report(store()?.markAllRead(renderedCursor)),
    loadMore: (list) => store()?.loadMore(list),
    reload: () => store()?.reload(),
    render,
    now,
    close() {
      // The browser gives the focus back to the element, which cannot take it; the button in it can.
      element.hidePopover();
      button.focus();
    },
  });
  const { element } = panel;
  element.addEventListener("beforetoggle", ({ newState }) => newState === "open" && position());
  element.addEventListener("toggle", ({ newState }) => onToggle(newState === "open"));
  // Keyboard users who leave the list would otherwise have it open above what they have reached.
  element.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget && relatedTarget !== button && !host.contains(/** @type {Node} */ (relatedTarget))) {
      if (!element.contains(/** @type {Node} */ (relatedTarget))) element.hidePopover();
    }
  });
  const page = new MutationObserver(() => {
    followColorScheme();
    onPageChange();
  });

  /**
   * Dispatch an event under both of its names: some templates cannot bind one with a colon.
   *
   * @param {string} name
   * @param {Record<string, unknown>} detail
   * @returns {boolean} false if a listener prevented the default action
   */
  function dispatch(name, detail) {
    const options = { detail, bubbles: true, composed: true, cancelable: true };
    const dispatched = ["tidings:", "tidings-"].map((prefix) => host.dispatchEvent(new CustomEvent(prefix + name, options)));
    return dispatched.every(Boolean);
  }

  /** Show on the bell that it has had no stream for a while, or has none for good. @param {Snapshot} snapshot */
  function renderConnection({ connection, phase }) {
    const lost = connection !== "open";
    if (!lost) {
      clearTimeout(timers["offline"]);
      timers["offline"] = undefined;
    } else timers["offline"] ??= setTimeout(() => setOffline(true), OFFLINE_AFTER);
    if (!lost || connection === "closed" || phase === "failed") setOffline(lost);
  }

  /** @param {boolean} offline */
  function setOffline(offline) {
    button.classList.toggle("offline", offline);
    set(button, "title", offline ? strings.text("offline") : null);
  }

  /** The time by the server's clock, where it is known. */
  function now() {
    return store()?.now?.() ?? Date.now();
  }

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
    const { button, ctrlKey, metaKey, shiftKey, altKey } = /** @type {MouseEvent} */ (event);
    // A click that opens a tab or a window is the browser's: the page stays as it is.
    if (button || ctrlKey || metaKey || shiftKey || altKey) return;
    const proceed = dispatch("click", { notification });
    if (!proceed) event.preventDefault();
    if (panel.open && (!proceed || notification.action_url)) element.hidePopover();
  }

  function position() {
    const { currentCSSZoom } = /** @type {{currentCSSZoom?: number}} */ (button);
    panel.position(button.getBoundingClientRect(), currentCSSZoom);
  }

  /** A page without a color-scheme of its own, in its styles or its head, gets the system's. */
  function followColorScheme() {
    const meta = /** @type {HTMLMetaElement | null} */ (document.querySelector("meta[name=color-scheme]"));
    const scheme = getComputedStyle(host).colorScheme === "normal" ? meta?.content || "light dark" : "";
    for (const { style } of [element, toasts.element]) style.colorScheme = scheme;
  }

  function render() {
    const snapshot = store()?.getSnapshot();
    if (!snapshot) return;
    renderConnection(snapshot);
    toasts.render(snapshot.items, now());
    if (!panel.open) return;
    panel.render(snapshot);
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
    followColorScheme();
    seenRefused = false;
    arrivals = [];
    toasts.clear();
    render();
    element.focus({ preventScroll: true });
    timers["clock"] = setInterval(() => panel.updateTimes(), MINUTE);
  }

  /** Show what has arrived since the last frame; in a hidden page, when it is visible again. */
  function showArrivals() {
    timers["toasts"] = undefined;
    if (document.hidden || !arrivals.length) return;
    followColorScheme();
    const { items = [] } = store()?.getSnapshot() ?? {};
    const unread = new Set(items.flatMap(({ id, status }) => (status === "UNREAD" ? id : [])));
    toasts.show(arrivals.splice(0).filter(({ id }) => unread.has(id)), now());
  }

  function announce() {
    timers["announce"] = undefined;
    if (unannounced > 1) liveRegion.textContent = strings.text("many", unannounced);
    else if (latest) {
      const { names, text, body } = cardText(latest, strings);
      liveRegion.textContent = `${names.map(({ value }) => value).join("")}${text} ${body}`;
    }
    unannounced = 0;
  }

  return {
    sheet: overlaySheet(),
    nodes: [element, toasts.element, liveRegion],
    panel: element,
    render,

    get open() {
      return panel.open;
    },

    /** Start to follow the page: its language, its colours, its visibility. */
    connect() {
      // Its language may change on any ancestor, its colours by a class of the root or another style sheet.
      page.observe(document, { subtree: true, attributeFilter: ["lang"] });
      for (const root of [document.documentElement, document.body]) page.observe(root, { attributes: true });
      page.observe(document.head, { childList: true, subtree: true, attributeFilter: ["content", "media", "disabled"] });
      page.observe(host, { attributeFilter: ["theme"] });
      document.addEventListener("visibilitychange", showArrivals);
      if (host.hasAttribute("sound")) void loadChime().catch(() => {}); // while the server has this version
      render();
    },

    /**
     * A notification that rings: dispatch it, show a toast, announce it, ring. Many at once are joined.
     *
     * @param {InboxEvent} event
     */
    onEvent({ type, data }) {
      const item = store()?.getSnapshot().items.find(({ id }) => id === data.id);
      if (!item || !dispatch("notification", { notification: item, event: type })) return;
      if (!timers["ring"]) {
        button.classList.add("ringing");
        timers["ring"] = setTimeout(() => {
          timers["ring"] = undefined;
          button.classList.remove("ringing");
        }, RING_TIME);
        if (host.hasAttribute("sound")) loadChime().then(({ playChime }) => playChime(item.cursor), () => {});
      }
      if (host.getAttribute("toasts") !== "off" && !panel.open) {
        const kept = arrivals.length - MAX_ARRIVALS;
        arrivals = arrivals.filter((one, n) => one.id !== item.id && (n > kept || isCritical(one)));
        arrivals.push(item);
        if (!document.hidden) timers["toasts"] ??= setTimeout(() => requestAnimationFrame(showArrivals));
      }
      latest = item;
      unannounced += 1;
      timers["announce"] ??= setTimeout(announce, ANNOUNCE_DELAY);
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
      arrivals = [];
      toasts.clear();
      for (const name of Object.keys(timers)) {
        clearTimeout(timers[name]);
        delete timers[name];
      }
      button.classList.remove("ringing");
    },

    /** Stop following the page. */
    disconnect() {
      page.disconnect();
      document.removeEventListener("visibilitychange", showArrivals);
    },
  };
}
