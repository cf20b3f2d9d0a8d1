/** What people do on the plaza, and the notification that each of it raises. */

import { NEWS, PEOPLE, who } from "./people.js";

/** @import {Person, Post} from "./people.js" */
/** @import {Plaza} from "./plaza.js" */

const SHORT = 90; // characters of a post that a notification quotes

const entity = (/** @type {Post} */ { id }) => `post/${id}`;
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

/** Likes of one post become one item: "Ada, Ben and 1 other liked your post". @param {Plaza} plaza @param {Person} me @param {Post} post */
export async function like(plaza, me, post) {
  const liked = post.likes.includes(me.id);
  post.likes = liked ? post.likes.filter((id) => id !== me.id) : [...post.likes, me.id];
  plaza.save();
  if (liked || post.author === me.id) return;
  await notify(plaza, {
    to: { user: who(post.author).user }, type: "like", title: `${me.name} liked your post`, body: quote(post.text),
    actor: actor(me), entity: entity(post), group_key: `like:${entity(post)}`,
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
  await notify(plaza, { to: { user: other.user }, type: "follow", title: `${me.name} follows you`, body: `${me.about[0].toUpperCase()}${me.about.slice(1)}.`, actor: actor(me) });
}

/** The post is gone, and so is everything that spoke of it: from every inbox, on every screen. @param {Plaza} plaza @param {Post} post */
export async function remove(plaza, post) {
  plaza.posts = plaza.posts.filter(({ id }) => id !== post.id);
  plaza.save();
  await plaza.say("DELETE", `/v1/notifications?entity=${encodeURIComponent(entity(post))}`);
}

let turn = 0;

/** @param {Plaza} plaza */
export const announce = (plaza) =>
  notify(plaza, { to: { all: true }, type: "system", priority: "high", ...NEWS[turn++ % NEWS.length] });

/** The newest post, to those who do not follow its author: the others know it already. @param {Plaza} plaza */
export async function recommend(plaza) {
  const strangers = (/** @type {Post} */ { author }) => PEOPLE.filter(({ id }) => id !== author && !plaza.follows[id].has(author));
  const post = plaza.posts.find((post) => strangers(post).length) ?? plaza.posts[0];
  if (!post) return;
  const readers = strangers(post).length ? strangers(post) : PEOPLE.filter(({ id }) => id !== post.author);
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
