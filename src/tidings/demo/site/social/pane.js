/** One screen: who sits before it, their bell, whom they follow, and their feed. */

import { connect } from "/js/stream.js";
import { $, h } from "../page.js";
import { download, follow, post } from "./acts.js";
import { PEOPLE, who } from "./people.js";
import { PostView, face } from "./post.js";

/** @import {Plaza} from "./plaza.js" */

const FLASH = 1600; // ms

export class Pane {
  element;
  bell;
  #plaza;
  #me;
  /** @type {import("/js/stream.js").Connection | undefined} */
  #stream;
  #title = h("div", { class: "me" });
  #others = h("ul", { class: "others", "aria-label": "People" });
  #text = h("input", { "aria-label": "Post", maxlength: 500 });
  #feed = h("div", { class: "feed" });
  /** @type {Map<string, PostView>} */
  #views = new Map();
  /** Shown though its author is not followed. */
  #pinned = "";

  /** @param {Plaza} plaza @param {string} id @param {string} side */
  constructor(plaza, id, side) {
    this.#plaza = plaza;
    this.#me = who(id);
    this.bell = h("tidings-bell", { user: this.#me.user });
    const switcher = h("fieldset", { class: "switch" }, h("legend", { class: "aside" }, "Who is at this screen"),
      ...PEOPLE.map((person) => h("label", { title: person.name },
        h("input", { type: "radio", name: side, value: person.id, checked: person === this.#me, "aria-label": person.name }), face(person))));
    switcher.addEventListener("change", (/** @type {any} */ { target }) => this.#become(target.value));
    const form = h("form", { class: "compose", autocomplete: "off" }, this.#text, h("button", { class: "button main small" }, "Post"));
    form.addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      void post(plaza, this.#me, this.#text.value.trim() || this.#text.placeholder);
      this.#text.value = "";
      this.#suggest();
    });
    this.bell.append(h("div", { slot: "footer" },
      h("button", { type: "button", class: "export", onclick: () => void download(plaza, this.#me) }, "Export to Excel")));
    this.bell.addEventListener("tidings:click", (/** @type {any} */ event) => this.#open(event));
    this.element = h("section", { class: "pane card", "data-side": side, "aria-label": `Screen ${side}` },
      h("header", {}, switcher, this.bell), this.#title, this.#others, form, this.#feed);
    // Where screens lie beside each other like cards, only the one in sight speaks up.
    new IntersectionObserver(([seen]) => this.bell.setAttribute("toasts", seen.isIntersecting ? "on" : "off"), { threshold: 0.5 }).observe(this.element);
    plaza.addEventListener("change", () => this.#draw());
    this.#become(id);
  }

  /** @param {string} id */
  #become(id) {
    this.#me = who(id);
    this.#pinned = "";
    this.element.dataset.who = id;
    this.bell.setAttribute("user", this.#me.user);
    // There may be another bell beside it: each says whose it is.
    this.bell.labels = { title: `${this.#me.first}’s notifications`, bell: `${this.#me.first}’s notifications, {n} unread` };
    this.#listen();
    this.#title.replaceChildren(h("b", {}, this.#me.name), h("span", {}, this.#me.about));
    this.#feed.replaceChildren();
    this.#views.clear();
    this.#suggest();
    this.#draw();
  }

  /** Whom one follows may change elsewhere, in another tab or by another device. */
  #listen() {
    const { id, user } = this.#me;
    this.#stream?.close();
    this.#stream = connect({ user }); // the same stream as the bell's: they share one connection
    this.#stream.addEventListener("event", (/** @type {any} */ { detail: { type } }) => {
      if (type === "hello" || type.startsWith("follow.")) void this.#plaza.ask(id);
    });
  }

  /** The person at this screen. */
  get who() {
    return this.#me.id;
  }

  #suggest() {
    const { says, id } = this.#me;
    this.#text.placeholder = says[this.#plaza.posts.filter(({ author }) => author === id).length % says.length];
  }

  #draw() {
    this.#drawOthers();
    const follows = this.#plaza.follows[this.#me.id];
    const shown = this.#plaza.posts.filter(({ author, id }) => author === this.#me.id || follows.has(author) || id === this.#pinned);
    for (const [id, { element }] of this.#views) {
      if (shown.some((post) => post.id === id)) continue;
      element.remove();
      this.#views.delete(id);
    }
    let before = this.#feed.firstElementChild;
    for (const post of shown) {
      let view = this.#views.get(post.id);
      if (!view) {
        view = new PostView(this.#plaza, post, this.#me);
        this.#views.set(post.id, view);
        this.#feed.insertBefore(view.element, before);
      }
      view.update(post);
      before = view.element.nextElementSibling;
    }
    this.#feed.dataset.empty = String(!shown.length);
  }

  #drawOthers() {
    const follows = this.#plaza.follows[this.#me.id];
    const state = JSON.stringify([this.#me.id, ...follows]);
    if (this.#others.dataset.state === state) return;
    const focused = document.activeElement?.getAttribute("data-follow");
    this.#others.dataset.state = state;
    this.#others.replaceChildren(...PEOPLE.filter((person) => person !== this.#me).map((person) => {
      const yes = follows.has(person.id);
      const label = `${yes ? "Unfollow" : "Follow"} ${person.name}`;
      return h("li", {}, h("button", {
        type: "button", "aria-pressed": String(yes), "aria-label": label, title: label, "data-follow": person.id, onclick: () => void follow(this.#plaza, this.#me, person),
      }, face(person), h("span", {}, yes ? `✓ ${person.first}` : `Follow ${person.first}`)));
    }));
    if (focused && this.element.contains(document.activeElement)) $(`[data-follow="${focused}"]`, this.#others)?.focus();
  }

  /** A notification about a post leads to the post, without leaving the page. @param {CustomEvent} event */
  #open(event) {
    const id = /^post\/(.+)$/.exec(event.detail.notification.entity ?? "")?.[1];
    if (!id || !this.#plaza.find(id)) return;
    event.preventDefault();
    this.#pinned = id;
    this.#draw();
    const element = this.#views.get(id)?.element;
    element.scrollIntoView({ behavior: "smooth", block: "nearest" });
    element.focus({ preventScroll: true });
    element.classList.add("flash");
    setTimeout(() => element.classList.remove("flash"), FLASH);
  }
}
