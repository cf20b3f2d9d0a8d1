/** The acts of people on the plaza, each with the notification that it publishes. */

import { call } from "../page.js";
import { NEWS, PEOPLE, who } from "./people.js";

/** @import {Person, Post} from "./people.js" */
/** @import {Plaza} from "./plaza.js" */

const SHORT = 90; // characters of a post that a notification quotes

/** The entity of a notification: by that it is retracted. */
export const about = {
  plaza: "plaza",
  person: (/** @type {Person} */ { id }) => `person/${id}`,
  post: (/** @type {Post} */ { id }) => `post/${id}`,
};
const entity = about.post;
const quote = (/** @type {string} */ text) => `“${text.length > SHORT ? `${text.slice(0, SHORT - 1)}…` : text}”`;
const actor = (/** @type {Person} */ { id, name, avatar_url }) => ({ id, name, avatar_url });
const notify = (/** @type {Plaza} */ plaza, /** @type {any} */ notification) => plaza.say("POST", "/v1/notifications", notification);

/** @param {Plaza} plaza @param {Person} me @param {string} text */
export async function post(plaza, me, text) {
  const post = { id: Date.now().toString(36), author: me.id, text, at: Date.now(), likes: [], comments: [] };
  plaza.posts.unshift(post);
  plaza.save();
  await notify(plaza, {
    to: { topic: `author/${me.id}` }, type: "post", title: `${me.name} posted`, body: quote(text), actor: actor(me), entity: entity(post),
  });
}

/** Likes of one post become one item: "Ada, Ben and 1 other liked your post". Liked again, a like is taken back. @param {Plaza} plaza @param {Person} me @param {Post} post */
export async function like(plaza, me, post) {
  const liked = post.likes.includes(me.id);
  post.likes = liked ? post.likes.filter((id) => id !== me.id) : [...post.likes, me.id];
  plaza.save();
  if (post.author === me.id) return;
  const group_key = `like:${entity(post)}`;
  if (liked) return void (await plaza.say("DELETE", `/v1/notifications?${new URLSearchParams({ group_key, actor: me.id })}`));
  await notify(plaza, {
    to: { user: who(post.author).user }, type: "like", title: `${me.name} liked your post`, body: quote(post.text),
    actor: actor(me), entity: entity(post), group_key,
  });
}

/** @param {Plaza} plaza @param {Person} me @param {Post} post @param {string} text */
export async function comment(plaza, me, post, text) {
  const others = [...new Set(post.comments.map(({ who }) => who))].filter((id) => id !== me.id && id !== post.author);
  post.comments.push({ who: me.id, text });
  plaza.save();
  const said = { type: "comment", body: quote(text), actor: actor(me), entity: entity(post) };
  if (post.author !== me.id) {
    await notify(plaza, { to: { user: who(post.author).user }, title: `${me.name} commented on your post`, ...said });
  }
  if (others.length) {
    await notify(plaza, { to: { users: others.map((id) => who(id).user) }, title: `${me.name} also commented on ${who(post.author).first}’s post`, ...said });
  }
}

/** @param {Plaza} plaza @param {Person} me @param {Person} other */
export async function follow(plaza, me, other) {
  const yes = !plaza.follows[me.id].has(other.id);
  await plaza.follow(me.id, other.id, yes);
  if (!yes) return;
  await notify(plaza, { to: { user: other.user }, type: "follow", title: `${me.name} follows you`, body: `${me.about[0].toUpperCase()}${me.about.slice(1)}.`, actor: actor(me), entity: about.person(me) });
}

/** The post is gone, and so is everything that spoke of it: from every inbox, on every screen. @param {Plaza} plaza @param {Post} post */
export async function remove(plaza, post) {
  plaza.posts = plaza.posts.filter(({ id }) => id !== post.id);
  plaza.save();
  await plaza.retract(entity(post));
}

/** Reset the plaza to its first state. @param {Plaza} plaza */
export async function clear(plaza) {
  for (const one of [about.plaza, ...PEOPLE.map(about.person), ...plaza.posts.map(entity)]) await plaza.retract(one);
  // The rest are the server's own, of exports: they have no entity, only an id.
  for (const id of new Set((await Promise.all(PEOPLE.map(letters))).flat())) await plaza.say("DELETE", `/v1/notifications/${id}`);
  await plaza.forget();
}

/** All that was sent to one person alone, by id. @param {Person} person */
async function letters({ user }) {
  const ids = [];
  for (const status of ["", "archived"]) {
    for (let after = ""; after !== null; ) {
      const query = Object.entries({ user, topic: `user/${user}`, limit: "100", status, after }).filter(([, value]) => value);
      const { json } = await call("GET", `/v1/inbox?${new URLSearchParams(query)}`);
      ids.push(...(json?.data ?? []).map((/** @type {{id: string}} */ { id }) => id));
      after = json?.next ?? null;
    }
  }
  return ids;
}

let turn = 0;

/** @param {Plaza} plaza */
export const announce = (plaza) =>
  notify(plaza, { to: { all: true }, type: "system", priority: "high", entity: about.plaza, ...NEWS[turn++ % NEWS.length] });

/**
 * The newest post that is new to a person at a screen, to all who do not follow its author: the others know it already.
 * Where all follow all, the newest one to all.
 *
 * @param {Plaza} plaza
 * @param {string[]} present who is at the screens
 */
export async function recommend(plaza, present) {
  const others = (/** @type {Post} */ { author }) => PEOPLE.filter(({ id }) => id !== author);
  const strangers = (/** @type {Post} */ post) => others(post).filter(({ id }) => !plaza.follows[id].has(post.author));
  const seen = (/** @type {Person[]} */ readers) => readers.some(({ id }) => present.includes(id));
  const post = plaza.posts.find((post) => seen(strangers(post))) ?? plaza.posts.find((post) => seen(others(post)));
  if (!post) return;
  const readers = seen(strangers(post)) ? strangers(post) : others(post);
  await notify(plaza, {
    to: { users: readers.map(({ user }) => user) }, type: "recommendation", title: `Recommended: a post by ${who(post.author).name}`,
    body: quote(post.text), entity: entity(post),
  });
}

/** The seed's own endpoint: progress arrives as updates of one notification, then another one with the file. @param {Plaza} plaza @param {Person} me */
export const download = (plaza, me) =>
  plaza.say("GET", `/notification/export-excel?${new URLSearchParams({
    user_email: me.user, message_body: "All your notifications, in one workbook", action_type: "EXPORT_EXCEL",
  })}`);
