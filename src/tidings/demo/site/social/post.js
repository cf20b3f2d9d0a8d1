/** One post as one person sees it. Only what differs is drawn again, so that who types keeps the focus. */

import { drawing, h } from "../page.js";
import { comment, like, remove } from "./acts.js";
import { COMMENTS, who } from "./people.js";

/** @import {Person, Post} from "./people.js" */
/** @import {Plaza} from "./plaza.js" */

const HEART = "M12 20S4 15.4 4 9.7A4.2 4.2 0 0 1 12 7.6a4.2 4.2 0 0 1 8 2.1C20 15.4 12 20 12 20z";
const BUBBLE = "M5.5 5h13A1.5 1.5 0 0 1 20 6.5v8a1.5 1.5 0 0 1-1.5 1.5H12l-4.5 4v-4h-2A1.5 1.5 0 0 1 4 14.5v-8A1.5 1.5 0 0 1 5.5 5z";
const BIN = "M4.5 7h15M9 7V4.5h6V7M6.5 7l1 12.5h9l1-12.5M10 10.5v5.5M14 10.5v5.5";
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });

/** @param {number} at */
export function ago(at) {
  const minutes = Math.floor((Date.now() - at) / 60_000);
  if (minutes < 1) return "now";
  return minutes < 60 ? relative.format(-minutes, "minute") : relative.format(-Math.floor(minutes / 60), "hour");
}

/** A button's name holds the number that is seen on it. @param {string} name @param {unknown[]} some */
const numbered = (name, { length }) => (length ? `${name}, ${length}` : name);

/** @param {Person} person */
export const face = ({ avatar_url }) => h("img", { class: "face", src: avatar_url, alt: "" });

export class PostView {
  element;
  #plaza;
  #post;
  #me;
  #time = h("time");
  #likes = h("span");
  #count = h("span");
  #heart;
  #talk;
  #input;
  #comments = h("ul", { class: "comments" });

  /** @param {Plaza} plaza @param {Post} post @param {Person} me */
  constructor(plaza, post, me) {
    this.#plaza = plaza;
    this.#post = post;
    this.#me = me;
    const author = who(post.author);
    this.#heart = h("button", { type: "button", class: "deed heart", onclick: () => this.#like() }, drawing(HEART), this.#likes);
    const input = (this.#input = h("input", { "aria-label": "Comment", maxlength: 500 }));
    const form = h("form", { class: "comment", autocomplete: "off" }, face(me), input);
    form.addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      void comment(plaza, me, this.#post, input.value.trim() || input.placeholder);
      input.value = "";
    });
    const mine = author === me;
    const bin = mine && h("button", { type: "button", class: "deed bin", "aria-label": "Delete", title: "Delete, and take back every notification about it", onclick: () => void remove(plaza, this.#post) }, drawing(BIN));
    this.#talk = h("button", { type: "button", class: "deed", onclick: () => input.focus() }, drawing(BUBBLE), this.#count);
    this.element = h("article", { class: "post", "data-post": post.id, tabindex: -1 },
      h("header", {}, face(author), h("div", {}, h("b", {}, author.name), this.#time)),
      h("p", {}, post.text),
      post.art && h("img", { class: "art", src: `/demo/art/${post.art}.svg`, alt: "" }),
      h("div", { class: "deeds" }, this.#heart, this.#talk, bin),
      this.#comments,
      form,
    );
  }

  /** @param {Post} post */
  update(post) {
    this.#post = post;
    const liked = post.likes.includes(this.#me.id);
    this.#time.textContent = ago(post.at);
    this.#likes.textContent = post.likes.length || "";
    this.#count.textContent = post.comments.length || "";
    this.#heart.setAttribute("aria-label", numbered("Like", post.likes));
    this.#talk.setAttribute("aria-label", numbered("Comment", post.comments));
    this.#input.placeholder = COMMENTS[(post.comments.length + post.text.length) % COMMENTS.length];
    this.#heart.setAttribute("aria-pressed", String(liked));
    this.#heart.title = post.likes.map((id) => who(id).first).join(", ");
    while (this.#comments.childElementCount < post.comments.length) {
      const { who: by, text } = post.comments[this.#comments.childElementCount];
      this.#comments.append(h("li", {}, face(who(by)), h("div", {}, h("b", {}, who(by).first), ` ${text}`)));
    }
  }

  #like() {
    this.#heart.classList.toggle("beat", !this.#post.likes.includes(this.#me.id));
    void like(this.#plaza, this.#me, this.#post);
  }
}
