/**
 * One event of the stream, one new state: the rules of docs/events.md.
 *
 * Rule 1. Pure: the same state, event and time give the same state, on every device.
 * Rule 2. An event that is in the picture already changes nothing.
 * Rule 3. What cannot be known from the stream alone is said (`sure`, `reload`), never guessed.
 */

import { complete, recount, takeCounters, tally } from "./count.js";
import { UNLOADED, muted, place, unseen } from "./model.js";

/** @import { InboxEvent, Item, State } from "./model.js" */

/**
 * What a mark does to an item it reaches. Who reads or archives has seen.
 *
 * @type {Record<string, (item: Item, now: string) => Item>}
 */
const MARKS = {
  "inbox.read": (item, now) => ({
    ...item,
    status: item.status === "UNREAD" ? "READ" : item.status,
    read_time: item.read_time || now,
    seen_time: item.seen_time || now,
  }),
  "inbox.unread": (item, now) => ({
    ...item,
    status: item.status === "READ" ? "UNREAD" : item.status,
    read_time: null,
    seen_time: item.seen_time || (unseen(item) ? null : now),
  }),
  "inbox.seen": (item, now) => ({ ...item, seen_time: item.seen_time || now }),
  "inbox.unseen": (item) => ({ ...item, seen_time: null }),
  "inbox.archived": (item, now) => ({ ...item, status: "ARCHIVED", seen_time: item.seen_time || now }),
  "inbox.unarchived": (item) =>
    item.status === "ARCHIVED" ? { ...item, status: item.read_time ? "READ" : "UNREAD" } : item,
};

/**
 * Put an item at its place.
 *
 * @param {readonly Item[]} items
 * @param {Item} item
 */
export function put(items, item) {
  const others = items.filter((other) => other.id !== item.id);
  const at = others.findIndex((other) => place(other.cursor) < place(item.cursor));
  return others.toSpliced(at < 0 ? others.length : at, 0, item);
}

/**
 * @param {readonly Item[]} items
 * @param {(item: Item) => boolean} keep
 */
function only(items, keep) {
  return items.every(keep) ? items : items.filter(keep);
}

/**
 * The items as a mark leaves them. `data.at` bounds a mark of our own: what has moved up since the user
 * saw it is not meant.
 *
 * @param {State} state
 * @param {InboxEvent} event
 * @param {string} now
 */
function marked({ items, marks }, { type, data }, now) {
  const mark = MARKS[type];
  // What is read at no known time was there before its reader came: naming it changes nothing.
  const named = type === "inbox.read" ? items.filter(({ status }) => status !== "READ") : items;
  const ids = new Set(named.flatMap(({ id }) => (data.ids?.includes(id) ? id : [])));
  const upTo = data.up_to === undefined ? -1 : place(data.up_to);
  if (!mark || (upTo >= 0 && upTo <= (marks[type] ?? -1))) return items;
  const reached = (/** @type {Item} */ item) =>
    (ids.has(item.id) || place(item.cursor) <= upTo) && place(item.cursor) <= (data.at ?? Infinity);
  return items.map((item) => (reached(item) ? mark(item, now) : item));
}

/**
 * Did this event put its notification at the top? A change of content alone keeps the place.
 *
 * @param {InboxEvent} event
 */
function moved({ id, type, data }) {
  return type === "notification.created" || (type === "notification.updated" && data.cursor === id);
}

/**
 * What an event does to the items held, and nothing else. Doing it twice is doing it once.
 *
 * @param {State} state
 * @param {InboxEvent} event
 * @param {string} now RFC 3339
 * @returns {readonly Item[]}
 */
export function touch(state, event, now) {
  const { items } = state;
  const { type, data } = event;
  switch (type) {
    case "notification.created":
    case "notification.updated": {
      // A change can take an item we hold across our mutes: then it is not ours to see any more.
      if (muted(data, state.mutes ?? [])) return only(items, (item) => item.id !== data.id);
      const { ring: _, ...fresh } = data;
      const held = items.find((item) => item.id === data.id);
      if (!held) return moved(event) ? put(items, fresh) : items;
      if (place(data.cursor) > place(held.cursor)) return put(items, fresh);
      // In place: the personal fields are absent and stay what they are, and so does the place.
      const { expired: __, ...kept } = held;
      return items.map((item) => (item === held ? { ...kept, ...fresh, cursor: held.cursor } : item));
    }
    case "notification.deleted":
      return only(items, (item) => item.id !== data.id);
    case "follow.deleted":
      return only(items, (item) => item.topic !== data.topic);
    case "preferences.updated":
      return only(items, (item) => !muted(item, data.mutes));
    default:
      return marked(state, event, now);
  }
}

/**
 * Could an item we do not hold have been counted before this event, and be counted otherwise now?
 *
 * @param {State} state
 * @param {InboxEvent} event
 */
function unaccounted(state, event) {
  const { type, data } = event;
  const changed = type === "notification.updated" && (moved(event) || muted(data, state.mutes ?? []));
  return (changed || type === "notification.deleted") && missing(state, [data.id]) && !complete(state);
}

/**
 * Was it perhaps muted until this change? Whoever mutes nothing misses nothing.
 *
 * @param {State} state
 * @param {InboxEvent} event
 */
function surfaced({ items, mutes }, event) {
  const { type, data } = event;
  const open = type === "notification.updated" && !moved(event) && data.status !== "ARCHIVED";
  return open && mutes?.length && !muted(data, mutes) && missing({ items }, [data.id]);
}

/**
 * @param {Pick<State, "items">} state
 * @param {string[]} ids
 */
function missing(state, ids) {
  return ids.some((id) => !state.items.some((item) => item.id === id));
}

/**
 * Everything an event or an act of our own changes, the cursor apart.
 *
 * @param {State} state
 * @param {InboxEvent} event
 * @param {string} now
 * @returns {State}
 */
export function apply(state, event, now) {
  const { id, type, data } = event;
  const items = touch(state, event, now);
  let { counters, sure, marks, mutes, edges, reload } = state;
  if (!id || place(id) > place(counters.cursor)) {
    const counted = recount(counters, state.items, items);
    sure = sure && counted.sure && !unaccounted(state, event);
    counters = id ? { ...counted.counters, cursor: id } : counted.counters;
  }
  if (surfaced(state, event)) {
    if (place(data.cursor) < Math.min(edges.all.floor, edges.unread.floor)) sure = false;
    else reload = "changed";
  }
  if (MARKS[type] && data.up_to !== undefined) {
    const upTo = place(data.up_to);
    marks = { ...marks, [type]: Math.max(upTo, marks[type] ?? -1) };
    // Everything above the floor is held: of what is older than the mark, nothing is left to count.
    if (upTo >= edges.all.floor) {
      const left = tally(items.filter((item) => place(item.cursor) > upTo));
      counters = { ...counters, unseen: left.unseen };
      if (type === "inbox.read") counters = { ...counters, ...left, more: false };
    }
  }
  if ((type === "inbox.unread" || type === "inbox.unarchived") && missing(state, data.ids)) {
    // They belong on show, and only a page has them.
    if (type === "inbox.unarchived") reload = "unarchived";
    else edges = { ...edges, unread: UNLOADED };
  }
  if (type === "preferences.updated") {
    if (!mutes || mutes.some((mute) => !data.mutes.includes(mute))) reload = "unmuted";
    mutes = data.mutes;
  }
  const next = { ...state, items, counters, sure, marks, mutes, edges, reload };
  return data.counters ? takeCounters(next, data.counters) : next;
}

/**
 * The state after an event of the stream.
 *
 * @param {State} state
 * @param {InboxEvent} event
 * @param {string} now RFC 3339; stamps what the event itself does not date
 * @returns {State}
 */
export function reduce(state, event, now) {
  const { id, type, data } = event;
  if (type === "hello") {
    // The numbers are those of `counters.cursor`. Where the stream starts before it, events are still to
    // come that the numbers know already: then our own count goes on.
    const behind = place(data.cursor) < place(data.counters.cursor);
    return behind && state.sure ? state : takeCounters(state, data.counters);
  }
  if (type === "reset") return { ...state, cursor: data.cursor, reload: data.reason };
  if (!id || !(place(id) > place(state.cursor))) return state;
  return { ...apply(state, event, now), cursor: id };
}

/**
 * The state at a time: what has run out by then is over.
 *
 * @param {State} state
 * @param {string} now RFC 3339
 * @returns {State}
 */
export function expire(state, now) {
  const over = (/** @type {Item} */ item) =>
    !item.expired && item.expire_time && Date.parse(item.expire_time) <= Date.parse(now);
  if (!state.items.some(over)) return state;
  const items = state.items.map((item) => (over(item) ? { ...item, expired: true } : item));
  const { counters, sure } = recount(state.counters, state.items, items);
  return { ...state, items, counters, sure: state.sure && sure };
}
