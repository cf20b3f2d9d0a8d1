/**
 * <tidings-bell>: the inbox with a face. A bell with its badge; its list and its toasts come when they are
 * needed (bell/face.js), so that a page pays for a live badge and no more.
 */

import { h, set } from "./bell/dom.js";
import { BELL, icon } from "./bell/icon.js";
import { sheet } from "./bell/styles.js";
import { openVoice } from "./bell/voice.js";
import { openInbox } from "./inbox.js";

/** @import { Face } from "./bell/face.js" */
/** @import { Tab } from "./bell/tab.js" */
/** @import { Label } from "./bell/voice.js" */
/** @import { Inbox, InboxEvent } from "./inbox.js" */

const RING = 800; // ms, the swing of the bell

// Where there is no DOM (a server that renders), the module can still be imported.
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
  /** @type {Inbox | undefined} the page's own, which it opened and will close */
  #given;
  /** Ends what was begun for the store; closes it if it was opened here. */
  #leave = () => {};
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
  #voice = openVoice(undefined, {});
  /** @type {Promise<Face> | undefined} */
  #coming;
  /** @type {Face | undefined} */
  #face;
  /** @type {Tab | undefined} */
  #tab;
  #due = false; // a frame is on its way
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #swing;
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
      // Reaching for the bell fetches its face; a click that is faster than that waits for it.
      onpointerenter: () => this.#awake(),
      onfocus: () => this.#awake(),
      onclick: () => this.#face || this.show(),
    },
    h("slot", { name: "icon" }, icon(BELL)),
    this.#badge,
  );

  /** The inbox it shows: its own, or one that the page has opened and shares. @type {Inbox | undefined} */
  get store() {
    return this.#store;
  }

  set store(store) {
    this.#given = store;
    this.#attach(store);
  }

  /** Gives the token, and a fresh one when that was refused. */
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

  /** Words in place of the English ones; a text with `{n}`, or a function of n. */
  get labels() {
    return this.#labels;
  }

  set labels(labels) {
    this.#labels = labels;
    this.#build();
  }

  /** Drawings by type of notification: the `d` of an SVG path on a grid of 24. */
  get icons() {
    return this.#icons;
  }

  set icons(icons) {
    this.#icons = icons;
    this.#build();
  }

  connectedCallback() {
    // A property that was set before the element was defined hides the accessor: set it anew.
    const self = /** @type {any} */ (this);
    for (const name of ["labels", "icons", "getToken", "options", "store"]) {
      if (!Object.hasOwn(self, name)) continue;
      const value = self[name];
      delete self[name];
      self[name] = value;
    }
    // A page that says nothing of its colours gets the system's; one that does is followed.
    if (getComputedStyle(this).colorScheme === "normal") this.#internals.states.add("system");
    this.#root.adoptedStyleSheets = [sheet()];
    this.#build();
    if (!this.#store) this.#open();
    this.#hook();
  }

  disconnectedCallback() {
    // Moved within the page, it is back before this runs.
    queueMicrotask(() => {
      if (this.isConnected) return;
      this.#attach(undefined);
      this.#tab?.close();
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
    else if (name === "lang") this.#build();
    else this.#hook();
  }

  /** Open the list, as a click on the bell does. */
  async show() {
    (await this.#awake()).show();
  }

  /** Put the list away. */
  hide() {
    this.#face?.hide();
  }

  /** All that is drawn in words; the face is made when it is asked for. */
  #build() {
    if (!this.isConnected) return;
    this.#locale = /** @type {HTMLElement | null} */ (this.closest("[lang]"))?.lang || undefined;
    this.#voice = openVoice(this.#locale, this.#labels);
    this.#face?.close();
    if (this.#face) this.#face = this.#coming = undefined; // one that is still to come is made of the new words
    this.#root.replaceChildren(this.#button);
    this.#paint();
  }

  /** The face, fetched the first time. */
  #awake() {
    const coming = (this.#coming ??= this.#fetch());
    // One that did not come is asked for again the next time.
    coming.catch(() => this.#coming === coming && (this.#coming = undefined));
    return coming;
  }

  async #fetch() {
    const { openFace } = await import("./bell/face.js");
    const face = openFace({
      button: this.#button,
      locale: this.#locale,
      labels: this.#labels,
      icons: this.#icons,
      store: () => this.#store,
      tell: (name, detail) => this.#tell(name, detail),
    });
    this.#face = face;
    this.#root.adoptedStyleSheets = [sheet(), face.sheet];
    this.#root.append(...face.nodes);
    this.#button.popoverTargetElement = face.panel;
    return face;
  }

  /** Show the inbox that was given, or open one. */
  #open() {
    if (!this.isConnected) return;
    this.#attach(this.#given);
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
   * @param {() => void} [close] what ends it, if it is ours to end
   */
  #attach(store, close) {
    this.#leave();
    this.#store = store;
    const stops = [store?.subscribe(this.#changed), store?.listen(this.#heard), close];
    this.#leave = () => {
      for (const stop of stops) stop?.();
      this.#face?.close();
    };
    this.#changed();
  }

  /** The browser's tab, if the page wants it badged; fetched only then. */
  async #hook() {
    const title = this.hasAttribute("title-badge");
    const favicon = this.getAttribute("favicon-badge");
    const wanted = title || favicon !== null;
    const made = wanted ? (await import("./bell/tab.js")).openTab(title, favicon) : undefined;
    this.#tab?.close();
    this.#tab = made;
    this.#paint();
  }

  /** The bell itself, and the browser's tab: also in a hidden page, where no frame is ever drawn. */
  #paint() {
    const { unread = 0, unseen = 0, more = false } = this.#store?.getSnapshot().counters ?? {};
    const number = this.#voice.badge(this.getAttribute("count") === "unseen" ? unseen : unread, more);
    this.#badge.textContent = number;
    this.#badge.hidden = !number;
    set(this.#button, "aria-label", this.#voice.say(number ? "bell" : "title", number));
    this.#tab?.paint(number);
  }

  #changed = () => {
    this.#paint();
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#face?.render();
    });
  };

  /** @param {InboxEvent} event */
  #heard = async ({ type, data }) => {
    const notification = data?.ring && this.#store?.getSnapshot().items.find((item) => item.id === data.id);
    if (!notification || !this.#tell("tidings:notification", { notification, event: type })) return;
    this.#button.classList.add("ringing");
    clearTimeout(this.#swing);
    this.#swing = setTimeout(() => this.#button.classList.remove("ringing"), RING);
    if (this.hasAttribute("sound")) import("./bell/sound.js").then(({ ring }) => ring(notification.cursor));
    if (document.hidden) return;
    (await this.#awake()).ring(notification, this.getAttribute("toasts") !== "off");
  };

  /**
   * @param {string} name
   * @param {Record<string, unknown>} detail
   * @returns {boolean} nobody has prevented what would follow
   */
  #tell(name, detail) {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable: true }));
  }
}
