/**
 * The inbox reducer: one event of the stream, one new state (the rules of docs/events.md).
 *
 * Rule 1. Pure: the same state, event and time give the same state, on every device.
 * Rule 2. An event that was applied already changes nothing.
 * Rule 3. Nothing is guessed: `isExact` and `reload` say when the stream alone is not enough.
 */

import { seqOf } from "../cursor.js";
import { allHeld, adjustCounters, replaceCounters, count } from "./counters.js";
import { unloaded, isMuted, isUnseen } from "./model.js";

/** @import { InboxEvent, Item, State } from "./model.js" */

/**
 * The effect of each mark on an item. Reading or archiving an item also marks it seen.
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
    seen_time: item.seen_time || (isUnseen(item) ? null : now),
  }),
  "inbox.seen": (item, now) => ({ ...item, seen_time: item.seen_time || now }),
  "inbox.unseen": (item) => ({ ...item, seen_time: null }),
  "inbox.archived": (item, now) => ({ ...item, status: "ARCHIVED", seen_time: item.seen_time || now }),
  "inbox.unarchived": (item) =>
    item.status === "ARCHIVED" ? { ...item, status: item.read_time ? "READ" : "UNREAD" } : item,
};

/**
 * Insert an item at its sort position.
 *
 * @param {readonly Item[]} items
 * @param {Item} item
 */
export function insertItem(items, item) {
  const others = items.filter((other) => other.id !== item.id);
  const index = others.findIndex((other) => seqOf(other.cursor) < seqOf(item.cursor));
  return others.toSpliced(index < 0 ? others.length : index, 0, item);
}

/**
 * @param {readonly Item[]} items
 * @param {(item: Item) => boolean} keep
 */
function keepItems(items, keep) {
  return items.every(keep) ? items : items.filter(keep);
}

/**
 * The items after a mark. `data.at` bounds an optimistic mark: an item that moved up after the user saw it is not
 * marked.
 *
 * @param {State} state
 * @param {InboxEvent} event
 * @param {string} now
 */
function applyMark({ items, watermarks }, { type, data }, now) {
  const mark = Object.hasOwn(MARKS, type) ? MARKS[type] : undefined;
  // An item read before the user followed its topic has no read_time: marking it read by id changes nothing.
  const markable = type === "inbox.read" ? items.filter(({ status }) => status !== "READ") : items;
  const ids = new Set(markable.flatMap(({ id }) => (data.ids?.includes(id) ? id : [])));
  const upTo = data.up_to === undefined ? -1 : seqOf(data.up_to);
  if (!mark || (upTo >= 0 && upTo <= (watermarks[type] ?? -1))) return items;
  const isMarked = (/** @type {Item} */ item) =>
    (ids.has(item.id) || seqOf(item.cursor) <= upTo) && seqOf(item.cursor) <= (data.at ?? Infinity);
  return items.map((item) => (isMarked(item) ? mark(item, now) : item));
}

/**
 * Whether this event moves its notification to the top. A change of content alone keeps the position.
 *
 * @param {InboxEvent} event
 */
function changesPosition({ id, type, data }) {
  return type === "notification.created" || (type === "notification.updated" && data.cursor === id);
}

/**
 * The held items after an event. Idempotent.
 *
 * @param {State} state
 * @param {InboxEvent} event
 * @param {string} now RFC 3339
 * @returns {readonly Item[]}
 */
export function applyToItems(state, event, now) {
  const { items } = state;
  const { type, data } = event;
  switch (type) {
    case "notification.created":
    case "notification.updated": {
      // A change may make a held item match a mute: then it is removed.
      if (isMuted(data, state.mutes ?? [])) return keepItems(items, (item) => item.id !== data.id);
      const { ring: _, ...content } = data;
      const held = items.find((item) => item.id === data.id);
      if (!held) return changesPosition(event) ? insertItem(items, content) : items;
      if (seqOf(data.cursor) > seqOf(held.cursor)) return insertItem(items, content);
      // Changed in place: the position stays, and so do the personal fields if the event has none. Of the others, those
      // that are absent have no value any more.
      const { status, read_time, seen_time } = held;
      const personal = content.status === undefined ? { status, read_time, seen_time } : {};
      return items.map((item) => (item === held ? { ...personal, ...content, cursor: held.cursor } : item));
    }
    case "notification.deleted":
      return keepItems(items, (item) => item.id !== data.id);
    case "follow.deleted":
      return keepItems(items, (item) => item.topic !== data.topic);
    case "preferences.updated":
      return keepItems(items, (item) => !isMuted(item, data.mutes));
    default:
      return applyMark(state, event, now);
  }
}

/**
 * Whether this event may change the counters through an item that is not held.
 *
 * @param {State} state
 * @param {InboxEvent} event
 */
function affectsUnheldCounts(state, event) {
  const { type, data } = event;
  const changed = type === "notification.updated" && (changesPosition(event) || isMuted(data, state.mutes ?? []));
  return (changed || type === "notification.deleted") && anyUnheld(state, [data.id]) && !allHeld(state);
}

/**
 * Whether an item that is not held may have been muted until this change.
 *
 * @param {State} state
 * @param {InboxEvent} event
 */
function maybeUnmuted({ items, mutes }, event) {
  const { type, data } = event;
  const visible = type === "notification.updated" && !changesPosition(event) && data.status !== "ARCHIVED";
  return visible && mutes?.length && !isMuted(data, mutes) && anyUnheld({ items }, [data.id]);
}

/**
 * @param {Pick<State, "items">} state
 * @param {string[]} ids
 */
function anyUnheld(state, ids) {
  return ids.some((id) => !state.items.some((item) => item.id === id));
}

/**
 * The state after an event or an optimistic action, except for its cursor.
 *
 * @param {State} state
 * @param {InboxEvent} event
 * @param {string} now
 * @returns {State}
 */
export function apply(state, event, now) {
  const { id, type, data } = event;
  const items = applyToItems(state, event, now);
  let { counters, isExact, watermarks, mutes, edges, reload } = state;
  if (!id || seqOf(id) > seqOf(counters.cursor)) {
    const adjusted = adjustCounters(counters, state.items, items);
    isExact = isExact && adjusted.isExact && !affectsUnheldCounts(state, event);
    counters = id ? { ...adjusted.counters, cursor: id } : adjusted.counters;
  }
  if (maybeUnmuted(state, event)) {
    if (seqOf(data.cursor) < Math.min(edges.all.lowestHeld, edges.unread.lowestHeld)) isExact = false;
    else reload = "changed";
  }
  if (Object.hasOwn(MARKS, type) && data.up_to !== undefined) {
    const upTo = seqOf(data.up_to);
    watermarks = { ...watermarks, [type]: Math.max(upTo, watermarks[type] ?? -1) };
    // Everything above the floor is held: items older than the watermark no longer count.
    if (upTo >= edges.all.lowestHeld) {
      const remaining = count(items.filter((item) => seqOf(item.cursor) > upTo));
      counters = { ...counters, unseen: remaining.unseen };
      if (type === "inbox.read") counters = { ...counters, ...remaining, more: false };
    }
  }
  if ((type === "inbox.unread" || type === "inbox.unarchived") && anyUnheld(state, data.ids)) {
    // They belong in the lists, and only a page has them.
    if (type === "inbox.unarchived") reload = "unarchived";
    else edges = { ...edges, unread: unloaded() };
  }
  if (type === "inbox.archived" && (!data.ids || anyUnheld(state, data.ids))) edges = { ...edges, archived: unloaded() };
  if (type === "preferences.updated") {
    if (!mutes || mutes.some((mute) => !data.mutes.includes(mute))) reload = "unmuted";
    mutes = data.mutes;
  }
  const next = { ...state, items, counters, isExact, watermarks, mutes, edges, reload };
  return data.counters ? replaceCounters(next, data.counters) : next;
}

/**
 * The state after an event of the stream.
 *
 * @param {State} state
 * @param {InboxEvent} event
 * @param {string} now RFC 3339; the time of changes that the event does not date
 * @returns {State}
 */
export function reduce(state, event, now) {
  const { id, type, data } = event;
  if (type === "hello") {
    // The counters are exact at `counters.cursor`. Where the stream starts before it, events that they include are
    // still to come: then the state keeps its own counters.
    const resumesBefore = seqOf(data.cursor) < seqOf(data.counters.cursor);
    return resumesBefore && state.isExact ? state : replaceCounters(state, data.counters);
  }
  if (type === "reset") return { ...state, cursor: data.cursor, reload: data.reason };
  if (!id || !(seqOf(id) > seqOf(state.cursor))) return state;
  return { ...apply(state, event, now), cursor: id };
}

/**
 * The state at a time: the items whose `expire_time` has passed are expired, the others are not.
 *
 * @param {State} state
 * @param {string} now RFC 3339
 * @returns {State}
 */
export function expire(state, now) {
  const due = (/** @type {Item} */ { expire_time }) => !!expire_time && Date.parse(expire_time) <= Date.parse(now);
  // Also back: by a clock that has been corrected since.
  const wrong = (/** @type {Item} */ item) => due(item) !== !!item.expired;
  if (!state.items.some(wrong)) return state;
  const items = state.items.map((item) => (wrong(item) ? { ...item, expired: due(item) } : item));
  const { counters, isExact } = adjustCounters(state.counters, state.items, items);
  return { ...state, items, counters, isExact: state.isExact && isExact };
}
