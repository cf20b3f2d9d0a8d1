/**
 * Counting between two absolute counts.
 *
 * The server's counters are exact at `counters.cursor`. What happens after that is counted here, by what
 * it changed among the items that are held, until the next absolute count replaces the sum.
 */

import { place, unseen } from "./model.js";

/** @import { Counters, Item, State } from "./model.js" */

/**
 * What these items add to the counters.
 *
 * @param {readonly Item[]} items
 */
export function tally(items) {
  /** @type {Record<string, number>} */
  const by_type = {};
  const shown = items.filter((item) => item.expired !== true && item.status !== "ARCHIVED");
  const unread = shown.filter((item) => item.status === "UNREAD");
  for (const { type } of unread) by_type[type] = (by_type[type] ?? 0) + 1;
  return { unread: unread.length, unseen: shown.filter(unseen).length, by_type };
}

/**
 * Are all the items that the counters speak of among those held? Then an item that is not held is not
 * unread, and what happens to it can be counted.
 *
 * @param {State} state
 */
export function complete(state) {
  const held = tally(state.items);
  const { counters } = state;
  return state.sure && !counters.more && held.unread === counters.unread && held.unseen === counters.unseen;
}

/**
 * The counters after the held items went from `before` to `after`.
 *
 * @param {Counters} counters
 * @param {readonly Item[]} before
 * @param {readonly Item[]} after
 * @returns {{counters: Counters, sure: boolean}} not sure when a capped count went down: by how much is unknown
 */
export function recount(counters, before, after) {
  if (before === after) return { counters, sure: true };
  const was = tally(before);
  const is = tally(after);
  if (counters.more) return { counters, sure: is.unread >= was.unread && is.unseen >= was.unseen };
  /** @type {Record<string, number>} */
  const by_type = {};
  for (const type of Object.keys({ ...counters.by_type, ...is.by_type })) {
    const n = (counters.by_type[type] ?? 0) + (is.by_type[type] ?? 0) - (was.by_type[type] ?? 0);
    if (n > 0) by_type[type] = n;
  }
  const sum = (/** @type {"unread" | "unseen"} */ what) => Math.max(0, counters[what] + is[what] - was[what]);
  return { counters: { ...counters, unread: sum("unread"), unseen: sum("unseen"), by_type }, sure: true };
}

/**
 * Take an absolute count, unless a later one is known already.
 *
 * @param {State} state
 * @param {Counters} counters
 * @returns {State}
 */
export function takeCounters(state, counters) {
  if (place(counters.cursor) < place(state.counters.cursor)) return state;
  // The server counts what is over until it says that it is deleted: only then it is to be taken off.
  const items = state.items.map((item) => (item.expired ? { ...item, expired: /** @type {const} */ ("counted") } : item));
  return { ...state, items, counters, sure: true };
}
