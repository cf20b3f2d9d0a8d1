/**
 * <tidings-bell>: a bell with a badge, a list and toasts. The list and the toasts are loaded when they are needed
 * (bell/overlay.js), so that a page pays for a live badge only.
 */

import { h, set } from "./bell/dom.js";
import { BELL, icon } from "./bell/icon.js";
import { createStrings, localeOf } from "./bell/strings.js";
import { sheet } from "./bell/styles.js";
import { openInbox } from "./inbox.js";

/** @import { Overlay } from "./bell/overlay.js" */
/** @import { Label } from "./bell/strings.js" */
/** @import { TabBadge } from "./bell/tab-badge.js" */
/** @import { Inbox, InboxEvent } from "./inbox.js" */

const FRAME = 16; // ms
const PREFETCH_AFTER = 1000; // ms; the page itself comes first

// Without a DOM (a server that renders) the module can still be imported.
const Base = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? class {});

const loadOverlay = () => import("./bell/overlay.js");

/**
 * Whether two objects have the same content, one level deep. Functions count as equal: the current ones are called.
 *
 * @param {any} a
 * @param {any} b
 */
function equal(a, b) {
  const names = Object.keys({ ...a, ...b });
  return names.every((name) => a?.[name] === b?.[name] || (typeof a?.[name] === "function" && typeof b?.[name] === "function"));
}

/**
 * Attributes: `src`, `user`, `theme`, `count`, `toasts`, `title-badge`, `favicon-badge`, `sound`.
 * Properties: `store`, `getToken`, `options`, `labels`, `icons`.
 * Events: `tidings:notification`, `tidings:click`, and the same with a hyphen in place of the colon.
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
  #strings = createStrings(undefined, () => ({}));
  /** @type {Promise<Overlay> | undefined} */
  #overlayLoading;
  /** @type {Overlay | undefined} */
  #overlay;
  /** @type {TabBadge | undefined} */
  #tabBadge;
  #failed = false; // the overlay could not be loaded
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #renderTimer;
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
      onclick: () => this.#overlay || this.#tryShow(),
    },
    h("slot", { name: "icon" }, icon(BELL)),
    this.#badge,
  );

  /** The inbox it shows: its own, or one that the page opened and shares. @type {Inbox | null | undefined} */
  get store() {
    return this.#store;
  }

  // Frameworks assign a property at each render, with a new object or function of the same content: only a change counts.

  set store(store) {
    if (store === this.#store || (store ?? undefined) === this.#pageStore) return;
    this.#pageStore = store ?? undefined;
    this.#open();
  }

  /** Returns a token; called again when that was refused. */
  get getToken() {
    return this.#getToken;
  }

  set getToken(getToken) {
    const before = this.#getToken;
    this.#getToken = getToken;
    if (!before !== !getToken) this.#open();
  }

  /** Further options for `openInbox` and the stream: `transports`, `share`, `limit`, `credentials`, `debug`. */
  get options() {
    return this.#options;
  }

  set options(options) {
    const before = this.#options;
    this.#options = options;
    if (!equal(before, options)) this.#open();
  }

  /** Strings that replace the English ones; a text with `{n}`, or a function of n. */
  get labels() {
    return this.#labels;
  }

  set labels(labels) {
    const before = this.#labels;
    this.#labels = labels;
    if (!equal(before, labels)) this.#rebuild();
  }

  /** Icons by type of notification: the `d` of an SVG path on a grid of 24. */
  get icons() {
    return this.#icons;
  }

  set icons(icons) {
    const before = this.#icons;
    this.#icons = icons;
    if (!equal(before, icons)) this.#rebuild();
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
    this.#root.adoptedStyleSheets = [sheet()];
    this.#rebuild();
    if (!this.#store) this.#open();
    this.#updateTabBadge();
    // Fetched while the server still has this version; an upgrade would leave an open page without it.
    setTimeout(() => loadOverlay().catch(() => {}), PREFETCH_AFTER);
  }

  disconnectedCallback() {
    // An element that is moved within the page is connected again before this runs.
    queueMicrotask(() => {
      if (this.isConnected) return;
      this.#attach(undefined);
      this.#overlay?.disconnect();
      this.#overlay = this.#overlayLoading = undefined;
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

  /** Open the list, as a click on the bell does. Rejects if it cannot be loaded, which the bell shows. */
  async show() {
    (await this.#loadOverlay()).show();
  }

  #tryShow() {
    this.show().catch(() => {}); // the bell shows it
  }

  /** Close the list. */
  hide() {
    this.#overlay?.hide();
  }

  /** Build everything that contains text; an overlay is built again, and opened if it was open. */
  #rebuild() {
    if (!this.isConnected) return;
    this.#locale = localeOf(this.#lang());
    this.#strings = createStrings(this.#locale, () => this.#labels);
    const open = this.#overlay?.open;
    this.#overlay?.close();
    this.#overlay?.disconnect();
    if (this.#overlay) this.#overlay = this.#overlayLoading = undefined; // one still loading uses the new strings
    this.#root.replaceChildren(this.#button);
    this.#render();
    if (open) this.#tryShow();
  }

  /** The language around the element, through shadow roots. */
  #lang() {
    for (let at = /** @type {Node | null} */ (this); at; at = at.parentNode ?? /** @type {ShadowRoot} */ (at).host ?? null) {
      const lang = /** @type {HTMLElement} */ (at).lang;
      if (lang) return lang;
    }
  }

  #loadOverlay() {
    const loading = (this.#overlayLoading ??= this.#createOverlay());
    loading.catch(() => {
      if (this.#overlayLoading === loading) this.#overlayLoading = undefined; // the next call tries again
      this.#failed = true;
      this.#render();
    });
    return loading;
  }

  async #createOverlay() {
    const { createOverlay } = await loadOverlay();
    const overlay = createOverlay({
      host: this,
      button: this.#button,
      locale: this.#locale,
      labels: () => this.#labels,
      icons: this.#icons ?? {},
      store: () => this.#store,
      onPageChange: () => localeOf(this.#lang()) === this.#locale || this.#rebuild(),
    });
    this.#overlay = overlay;
    this.#root.adoptedStyleSheets = [sheet(), overlay.sheet];
    this.#root.append(...overlay.nodes);
    this.#button.popoverTargetElement = overlay.panel;
    overlay.connect();
    this.#failed = false;
    this.#render();
    return overlay;
  }

  /** Attach the page's store, or open one. */
  #open() {
    if (!this.isConnected) return;
    this.#attach(this.#pageStore);
    // Attributes and properties that are set one after the other open one inbox.
    queueMicrotask(() => {
      if (!this.isConnected || this.#store) return;
      const getToken = this.#getToken && (() => this.#getToken?.() ?? "");
      const given = { url: this.getAttribute("src"), user: this.getAttribute("user"), getToken };
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
    this.#render();
  }

  /** Render the badge. */
  #render() {
    const { unread = 0, unseen = 0, more = false } = this.#store?.getSnapshot().counters ?? {};
    const number = this.#strings.badge(this.getAttribute("count") === "unseen" ? unseen : unread, more);
    const text = this.#failed ? "!" : number;
    if (this.#badge.textContent !== text) this.#badge.textContent = text;
    this.#badge.hidden = !text;
    set(this.#button, "aria-label", this.#strings.text(this.#failed ? "failed" : number ? "bell" : "title", number));
    this.#tabBadge?.update(number);
  }

  /** Render once for the changes of a frame; by a timer, for a hidden page has no animation frames. */
  #onChange = () => {
    this.#renderTimer ??= setTimeout(() => {
      this.#renderTimer = undefined;
      this.#render();
      this.#overlay?.render();
      const { phase, connection } = this.#store?.getSnapshot() ?? {};
      // The overlay shows on the bell that it is not live.
      if (phase === "failed" || ["reconnecting", "closed"].includes(connection ?? "")) {
        loadOverlay().then(() => this.#loadOverlay()).catch(() => {});
      }
    }, FRAME);
  };

  /** @param {InboxEvent} event */
  #onEvent = (event) => {
    if (event.data?.ring) this.#loadOverlay().then((overlay) => overlay.onEvent(event), () => {});
  };
}
