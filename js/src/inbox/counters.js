/**
 * Counters between two absolute counts of the server.
 *
 * The server's counters are exact at `counters.cursor`. Later events adjust them by the difference they make among the
 * held items, until the next absolute count replaces them.
 */

import { seqOf } from "../cursor.js";
import { isUnseen } from "./model.js";

/** @import { Counters, Item, State } from "./model.js" */

/**
 * The contribution of these items to the counters.
 *
 * @param {readonly Item[]} items
 */
export function count(items) {
  /** @type {Map<string, number>} */
  const types = new Map();
  const listed = items.filter((item) => item.expired !== true && item.status !== "ARCHIVED");
  const unread = listed.filter((item) => item.status === "UNREAD");
  for (const { type } of unread) types.set(type, (types.get(type) ?? 0) + 1);
  return { unread: unread.length, unseen: listed.filter(isUnseen).length, by_type: Object.fromEntries(types) };
}

/**
 * Whether all counted items are held. Then an item that is not held is not unread, and its changes do not affect the
 * counters.
 *
 * @param {State} state
 */
export function allHeld(state) {
  const held = count(state.items);
  const { counters } = state;
  return state.isExact && !counters.more && held.unread === counters.unread && held.unseen === counters.unseen;
}

/**
 * The counters after the held items changed from `before` to `after`.
 *
 * @param {Counters} counters
 * @param {readonly Item[]} before
 * @param {readonly Item[]} after
 * @returns {{counters: Counters, isExact: boolean}} not exact when a capped count went down: by how much is unknown
 */
export function adjustCounters(counters, before, after) {
  if (before === after) return { counters, isExact: true };
  const countBefore = count(before);
  const countAfter = count(after);
  if (counters.more) return { counters, isExact: countAfter.unread >= countBefore.unread && countAfter.unseen >= countBefore.unseen };
  // A type may be named like a property that every object has: "constructor".
  const own = (/** @type {Readonly<Record<string, number>>} */ counts, /** @type {string} */ type) =>
    Object.hasOwn(counts, type) ? (counts[type] ?? 0) : 0;
  const types = new Set([counters.by_type, countAfter.by_type].flatMap(Object.keys));
  const by_type = Object.fromEntries(
    [...types].flatMap((type) => {
      const left = own(counters.by_type, type) + own(countAfter.by_type, type) - own(countBefore.by_type, type);
      return left > 0 ? [[type, left]] : [];
    }),
  );
  const sum = (/** @type {"unread" | "unseen"} */ field) => Math.max(0, counters[field] + countAfter[field] - countBefore[field]);
  return { counters: { ...counters, unread: sum("unread"), unseen: sum("unseen"), by_type }, isExact: true };
}

/**
 * Replace the counters by an absolute count, unless a later one is known already.
 *
 * @param {State} state
 * @param {Counters} counters
 * @returns {State}
 */
export function replaceCounters(state, counters) {
  if (seqOf(counters.cursor) < seqOf(state.counters.cursor)) return state;
  // The server counts expired items until their `notification.deleted`: only then they are subtracted.
  const items = state.items.map((item) => (item.expired ? { ...item, expired: /** @type {const} */ ("counted") } : item));
  return { ...state, items, counters, isExact: true };
}
