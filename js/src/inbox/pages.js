/**
 * Pages of `GET /v1/inbox`, and how they are merged into the state that the stream keeps.
 *
 * A page is exact at its own cursor, which is rarely the stream's. The state wins for every item it holds, items newer
 * than the state are left to the stream, and events received since the page was made are applied to the added items.
 */

import { seqOf } from "../cursor.js";
import { unloaded, isListed } from "./model.js";
import { insertItem, applyToItems } from "./reduce.js";

/** @import { Counters, Edge, InboxEvent, Item, List, State } from "./model.js" */

/** @typedef {{data: Item[], next: string | null, cursor: string, counters: Counters, mutes?: readonly string[]}} Page */

/**
 * How far down a list is loaded with this page. A page without items may have a next: all it covered was muted.
 *
 * @param {Page} page
 * @param {number} [previousFloor] the floor before
 * @returns {Edge}
 */
function edgeAfter({ next, data, cursor }, previousFloor = Infinity) {
  return { next, lowestHeld: next ? Math.min(previousFloor, seqOf(data.at(-1)?.cursor ?? cursor)) : -1 };
}

/**
 * The state after a first page.
 *
 * @param {Page} page
 * @returns {State}
 */
export function fromPage(page) {
  return {
    items: page.data,
    counters: page.counters,
    isExact: true,
    cursor: page.cursor,
    watermarks: {},
    // A page without mutes (an older server) leaves them unknown: they may have changed just below its cursor.
    mutes: page.mutes ?? null,
    edges: { all: edgeAfter(page), unread: unloaded(), archived: unloaded() },
    reload: null,
  };
}

/**
 * The state with one more page of a list.
 *
 * @param {State} state
 * @param {Page} page
 * @param {List} list
 * @param {readonly InboxEvent[]} received events received since the page was requested
 * @param {string} now
 * @returns {State}
 */
export function extend(state, page, list, received, now) {
  const held = new Set(state.items.map((item) => item.id));
  const appliedSeq = seqOf(state.cursor);
  /** @type {readonly Item[]} */
  let added = page.data.filter((item) => !held.has(item.id) && seqOf(item.cursor) <= appliedSeq);
  for (const event of received) {
    if (event.id && seqOf(event.id) > seqOf(page.cursor)) added = applyToItems({ ...state, items: added }, event, now);
  }
  const items = added.filter((item) => !held.has(item.id)).reduce(insertItem, state.items);
  return { ...state, items, edges: { ...state.edges, [list]: edgeAfter(page, state.edges[list].lowestHeld) } };
}

/**
 * The items of a list, complete from the top down to its floor.
 *
 * @param {State} state
 * @param {List} list
 */
export function listed({ items, edges }, list) {
  // The whole list has the unread ones, too, and may reach further down.
  const floor = Math.min(edges[list].lowestHeld, list === "unread" ? edges.all.lowestHeld : Infinity);
  const isIn = {
    all: isListed,
    unread: (/** @type {Item} */ item) => isListed(item) && item.status === "UNREAD",
    archived: (/** @type {Item} */ item) => !item.expired && !isListed(item),
  }[list];
  return items.filter((item) => isIn(item) && seqOf(item.cursor) >= floor);
}

/**
 * Whether a list has older items to load.
 *
 * @param {State} state
 * @param {List} list
 */
export function hasMore({ edges }, list) {
  return edges[list].next !== null && (list !== "unread" || edges.all.next !== null);
}
