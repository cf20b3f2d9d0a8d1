/**
 * Pages of `GET /v1/inbox`, and how they join the picture that the stream keeps.
 *
 * A page is true at its own cursor, which is seldom the stream's. So the state decides about everything it
 * holds already, what the page has beyond it is left to the stream, and what the stream has told since the
 * page was made is told again to the newcomers.
 */

import { UNLOADED, place, present } from "./model.js";
import { put, touch } from "./reduce.js";

/** @import { Counters, Edge, InboxEvent, Item, State } from "./model.js" */

/** @typedef {{data: Item[], next: string | null, cursor: string, counters: Counters, mutes?: readonly string[]}} Page */

/**
 * How far down a list is held with this page. One without items may have a next: what it looked at was muted.
 *
 * @param {Page} page
 * @param {number} [above] how far it was held before
 * @returns {Edge}
 */
function edgeOf({ next, data, cursor }, above = Infinity) {
  return { next, floor: next ? Math.min(above, place(data.at(-1)?.cursor ?? cursor)) : -1 };
}

/**
 * The state that a first page tells.
 *
 * @param {Page} page
 * @returns {State}
 */
export function fromPage(page) {
  return {
    items: page.data,
    counters: page.counters,
    sure: true,
    cursor: page.cursor,
    marks: {},
    // Those of an older server are not known: what was known before may have changed just below the page's cursor.
    mutes: page.mutes ?? null,
    edges: { all: edgeOf(page), unread: UNLOADED },
    reload: null,
  };
}

/**
 * The state with one more page of a list.
 *
 * @param {State} state
 * @param {Page} page
 * @param {"all" | "unread"} list
 * @param {readonly InboxEvent[]} missed what the stream told since the page was asked for
 * @param {string} now
 * @returns {State}
 */
export function extend(state, page, list, missed, now) {
  const held = new Set(state.items.map((item) => item.id));
  const told = place(state.cursor);
  /** @type {readonly Item[]} */
  let fresh = page.data.filter((item) => !held.has(item.id) && place(item.cursor) <= told);
  for (const event of missed) {
    if (event.id && place(event.id) > place(page.cursor)) fresh = touch({ ...state, items: fresh }, event, now);
  }
  const items = fresh.filter((item) => !held.has(item.id)).reduce(put, state.items);
  return { ...state, items, edges: { ...state.edges, [list]: edgeOf(page, state.edges[list].floor) } };
}

/**
 * What there is to see of a list: without holes from the top down to its floor.
 *
 * @param {State} state
 * @param {"all" | "unread"} list
 */
export function listed({ items, edges }, list) {
  const unread = list === "unread";
  const floor = unread ? Math.min(edges.all.floor, edges.unread.floor) : edges.all.floor;
  return items.filter(
    (item) => present(item) && place(item.cursor) >= floor && (!unread || item.status === "UNREAD"),
  );
}

/**
 * Are there older ones to load?
 *
 * @param {State} state
 * @param {"all" | "unread"} list
 */
export function hasMore({ edges }, list) {
  return edges.all.next !== null && edges[list].next !== null;
}
