/**
 * The plaza's own state: its posts, kept in this browser. The follows are asked of the server, and so is
 * every notification: the application keeps no copy of either.
 */

import { call, keep } from "../page.js";
import { FOLLOWS, PEOPLE, firstPosts, who } from "./people.js";

/** @import {Post} from "./people.js" */

const KEY = "tidings.plaza";

/** Tells of `change`, and of `said` for each request that was made. */
export class Plaza extends EventTarget {
  /** Newest first. @type {Post[]} */
  posts = [];
  /** Whom each follows. @type {Record<string, Set<string>>} */
  follows = Object.fromEntries(PEOPLE.map(({ id }) => [id, new Set()]));

  async open() {
    const kept = keep.get(KEY);
    this.posts = kept ? JSON.parse(kept) : firstPosts(Date.now());
    addEventListener("storage", ({ key, newValue }) => {
      if (key !== KEY || !newValue) return;
      this.posts = JSON.parse(newValue);
      this.dispatchEvent(new Event("change"));
    });
    await Promise.all(PEOPLE.map(({ id }) => this.ask(id)));
    if (kept) return;
    this.save();
    if (PEOPLE.some(({ id }) => this.follows[id].size)) return;
    for (const [id, others] of Object.entries(FOLLOWS)) for (const other of others) await this.follow(id, other, true);
  }

  /** Whom one follows, from the server. @param {string} id */
  async ask(id) {
    const { json } = await call("GET", `/v1/follows?user=${encodeURIComponent(who(id).user)}`);
    if (!json) return; // the server does not answer: what was known stays
    const topics = json.data.map((/** @type {{topic: string}} */ { topic }) => topic);
    this.follows[id] = new Set(PEOPLE.map((person) => person.id).filter((other) => topics.includes(`author/${other}`)));
    this.dispatchEvent(new Event("change"));
  }

  /** Something about the posts has changed. */
  save() {
    keep.set(KEY, JSON.stringify(this.posts));
    this.dispatchEvent(new Event("change"));
  }

  /** No posts, and no follows. */
  async forget() {
    keep.set(KEY, null);
    for (const { id } of PEOPLE) for (const other of this.follows[id]) await this.follow(id, other, false);
  }

  /** Take back every notification about something. @param {string} entity */
  retract(entity) {
    return this.say("DELETE", `/v1/notifications?entity=${encodeURIComponent(entity)}`);
  }

  /** @param {string} id */
  find(id) {
    return this.posts.find((post) => post.id === id);
  }

  /** @param {string} id @param {string} other @param {boolean} yes */
  async follow(id, other, yes) {
    await this.say(yes ? "PUT" : "DELETE", `/v1/topics/author/${other}/followers/${who(id).user}`);
    await this.ask(id);
  }

  /** One request to the server, reported to the listeners. @param {string} method @param {string} path @param {any} [body] */
  async say(method, path, body) {
    const told = await call(method, path, body && { body });
    this.dispatchEvent(new CustomEvent("said", { detail: { method, path, body, status: told.status, took: told.took } }));
    return told;
  }
}
