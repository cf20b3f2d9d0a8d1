/**
 * <tidings-bell>: a bell with a badge, a list and toasts. The list and the toasts are loaded when they are needed
 * (bell/overlay.js), so that a page pays for a live badge only.
 */

import { h, set } from "./bell/dom.js";
import { BELL, icon } from "./bell/icon.js";
import { createStrings } from "./bell/strings.js";
import { sheet } from "./bell/styles.js";
import { openInbox } from "./inbox.js";

/** @import { Overlay } from "./bell/overlay.js" */
/** @import { Label } from "./bell/strings.js" */
/** @import { TabBadge } from "./bell/tab-badge.js" */
/** @import { Inbox, InboxEvent } from "./inbox.js" */

const RING_TIME = 800; // ms of the bell's animation

// Without a DOM (a server that renders) the module can still be imported.
const Base = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? class {});

/**
 * Attributes: `src`, `user`, `theme`, `count`, `toasts`, `title-badge`, `favicon-badge`, `sound`.
 * Properties: `store`, `getToken`, `options`, `labels`, `icons`.
 * Events: `tidings:notification`, `tidings:click`.
 */
export class TidingsBell extends Base {
  static observedAttributes = ["src", "user", "lang", "count", "title-badge", "favicon-badge"];

  /** @type {Inbox | undefined} */
  #store;
  /** @type {Inbox | undefined} a store set by the page, which also closes it */
  #pageStore;
  /** Unsubscribes from the store; closes it if it was opened here. */
  #detach = () => {};
  /** @type {Record<string, Label>} */
  #labels = {};
  /** @type {Record<string, string>} */
  #icons = {};
  /** @type {(() => string | Promise<string>) | undefined} */
  #getToken;
  /** @type {Record<string, unknown>} */
  #options = {};
  /** @type {string | undefined} */
  #locale;
  #strings = createStrings(undefined, {});
  /** @type {Promise<Overlay> | undefined} */
  #overlayLoading;
  /** @type {Overlay | undefined} */
  #overlay;
  /** @type {TabBadge | undefined} */
  #tabBadge;
  #frameRequested = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #ringTimer;
  #internals = this.attachInternals();
  #root = this.attachShadow({ mode: "open" });
  #badge = h("span", { class: "badge", part: "badge", "aria-hidden": true });
  #button = h(
    "button",
    {
      class: "bell",
      part: "button",
      type: "button",
      "aria-haspopup": "dialog",
      "aria-expanded": false,
      // Hover and focus load the overlay; a faster click waits for it.
      onpointerenter: () => this.#loadOverlay(),
      onfocus: () => this.#loadOverlay(),
      onclick: () => this.#overlay || this.show(),
    },
    h("slot", { name: "icon" }, icon(BELL)),
    this.#badge,
  );

  /** The inbox it shows: its own, or one that the page opened and shares. @type {Inbox | undefined} */
  get store() {
    return this.#store;
  }

  set store(store) {
    this.#pageStore = store;
    this.#attach(store);
  }

  /** Returns a token; called again when that was refused. */
  get getToken() {
    return this.#getToken;
  }

  set getToken(getToken) {
    this.#getToken = getToken;
    this.#open();
  }

  /** Further options for `openInbox` and the stream: `transports`, `share`, `limit`, `credentials`. */
  get options() {
    return this.#options;
  }

  set options(options) {
    this.#options = options;
    this.#open();
  }

  /** Strings that replace the English ones; a text with `{n}`, or a function of n. */
  get labels() {
    return this.#labels;
  }

  set labels(labels) {
    this.#labels = labels;
    this.#rebuild();
  }

  /** Icons by type of notification: the `d` of an SVG path on a grid of 24. */
  get icons() {
    return this.#icons;
  }

  set icons(icons) {
    this.#icons = icons;
    this.#rebuild();
  }

  connectedCallback() {
    // A property that was set before the element was defined shadows the accessor: set it again.
    const self = /** @type {any} */ (this);
    for (const name of ["labels", "icons", "getToken", "options", "store"]) {
      if (!Object.hasOwn(self, name)) continue;
      const value = self[name];
      delete self[name];
      self[name] = value;
    }
    // A page without a color-scheme gets the system's; otherwise the page's is used.
    if (getComputedStyle(this).colorScheme === "normal") this.#internals.states.add("system");
    this.#root.adoptedStyleSheets = [sheet()];
    this.#rebuild();
    if (!this.#store) this.#open();
    this.#updateTabBadge();
  }

  disconnectedCallback() {
    // An element that is moved within the page is connected again before this runs.
    queueMicrotask(() => {
      if (this.isConnected) return;
      this.#attach(undefined);
      this.#tabBadge?.close();
    });
  }

  /**
   * @param {string} name
   * @param {string | null} before
   * @param {string | null} now
   */
  attributeChangedCallback(name, before, now) {
    if (before === now || !this.isConnected) return;
    if (name === "src" || name === "user") this.#open();
    else if (name === "lang") this.#rebuild();
    else this.#updateTabBadge();
  }

  /** Open the list, as a click on the bell does. */
  async show() {
    (await this.#loadOverlay()).show();
  }

  /** Close the list. */
  hide() {
    this.#overlay?.hide();
  }

  /** Build everything that contains text; the overlay is built again when it is needed. */
  #rebuild() {
    if (!this.isConnected) return;
    this.#locale = /** @type {HTMLElement | null} */ (this.closest("[lang]"))?.lang || undefined;
    this.#strings = createStrings(this.#locale, this.#labels);
    this.#overlay?.close();
    if (this.#overlay) this.#overlay = this.#overlayLoading = undefined; // one still loading uses the new strings
    this.#root.replaceChildren(this.#button);
    this.#renderBadge();
  }

  /** Load the overlay, once. */
  #loadOverlay() {
    const loading = (this.#overlayLoading ??= this.#createOverlay());
    // After a failure the next call tries again.
    loading.catch(() => this.#overlayLoading === loading && (this.#overlayLoading = undefined));
    return loading;
  }

  async #createOverlay() {
    const { createOverlay } = await import("./bell/overlay.js");
    const overlay = createOverlay({
      button: this.#button,
      locale: this.#locale,
      labels: this.#labels,
      icons: this.#icons,
      store: () => this.#store,
      dispatch: (name, detail) => this.#dispatch(name, detail),
    });
    this.#overlay = overlay;
    this.#root.adoptedStyleSheets = [sheet(), overlay.sheet];
    this.#root.append(...overlay.nodes);
    this.#button.popoverTargetElement = overlay.panel;
    return overlay;
  }

  /** Attach the page's store, or open one. */
  #open() {
    if (!this.isConnected) return;
    this.#attach(this.#pageStore);
    // Attributes and properties that are set one after the other open one inbox.
    queueMicrotask(() => {
      if (!this.isConnected || this.#store) return;
      const given = { url: this.getAttribute("src"), user: this.getAttribute("user"), getToken: this.#getToken };
      const options = Object.entries({ ...given, ...this.#options }).filter(([, value]) => value);
      const inbox = openInbox(Object.fromEntries(options));
      this.#attach(inbox, inbox.close);
    });
  }

  /**
   * @param {Inbox | undefined} store
   * @param {() => void} [close] closes a store that was opened here
   */
  #attach(store, close) {
    this.#detach();
    this.#store = store;
    const cleanups = [store?.subscribe(this.#onChange), store?.listen(this.#onEvent), close];
    this.#detach = () => {
      for (const cleanup of cleanups) cleanup?.();
      this.#overlay?.close();
    };
    this.#onChange();
  }

  /** Create the badge of the browser's tab, if the page asks for it. */
  async #updateTabBadge() {
    const title = this.hasAttribute("title-badge");
    const favicon = this.getAttribute("favicon-badge");
    const wanted = title || favicon !== null;
    const created = wanted ? (await import("./bell/tab-badge.js")).createTabBadge(title, favicon) : undefined;
    this.#tabBadge?.close();
    this.#tabBadge = created;
    this.#renderBadge();
  }

  /** Render the badge at once: a hidden page has no animation frames. */
  #renderBadge() {
    const { unread = 0, unseen = 0, more = false } = this.#store?.getSnapshot().counters ?? {};
    const number = this.#strings.badge(this.getAttribute("count") === "unseen" ? unseen : unread, more);
    this.#badge.textContent = number;
    this.#badge.hidden = !number;
    set(this.#button, "aria-label", this.#strings.text(number ? "bell" : "title", number));
    this.#tabBadge?.update(number);
  }

  #onChange = () => {
    this.#renderBadge();
    if (this.#frameRequested) return;
    this.#frameRequested = true;
    requestAnimationFrame(() => {
      this.#frameRequested = false;
      this.#overlay?.render();
    });
  };

  /** @param {InboxEvent} event */
  #onEvent = async ({ type, data }) => {
    const notification = data?.ring && this.#store?.getSnapshot().items.find((item) => item.id === data.id);
    if (!notification || !this.#dispatch("tidings:notification", { notification, event: type })) return;
    this.#button.classList.add("ringing");
    clearTimeout(this.#ringTimer);
    this.#ringTimer = setTimeout(() => this.#button.classList.remove("ringing"), RING_TIME);
    if (this.hasAttribute("sound")) import("./bell/chime.js").then(({ playChime }) => playChime(notification.cursor));
    if (document.hidden) return;
    (await this.#loadOverlay()).ring(notification, this.getAttribute("toasts") !== "off");
  };

  /**
   * @param {string} name
   * @param {Record<string, unknown>} detail
   * @returns {boolean} false if a listener prevented the default action
   */
  #dispatch(name, detail) {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable: true }));
  }
}
