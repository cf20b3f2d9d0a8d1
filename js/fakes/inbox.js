/** Facts for the tests of the inbox: notifications, pages and events of one log, "e". */

/** @import { Item } from "../src/inbox/model.js" */

/** @param {number} seq */
export const at = (seq) => `e-${seq}`;

/**
 * The notification that event `seq` made.
 *
 * @param {number} seq
 * @param {Partial<Item>} [more]
 * @returns {Item}
 */
export const item = (seq, more = {}) => ({
  id: `n${seq}`,
  cursor: at(seq),
  topic: "user/alice",
  type: "like",
  title: `number ${seq}`,
  status: "UNREAD",
  create_time: "2025-12-31T00:00:00.000Z",
  read_time: null,
  seen_time: null,
  ...more,
});

/**
 * A page of the inbox that is true at its newest item, or at `cursor`.
 *
 * @param {Item[]} data newest first
 * @param {{next?: string | null, unread?: number, capped?: boolean, cursor?: string}} [more]
 */
export const page = (data, { next = null, unread, capped = false, cursor = data[0]?.cursor ?? at(0) } = {}) => {
  const mine = data.filter(({ status }) => status === "UNREAD");
  /** @type {Record<string, number>} */
  const by_type = {};
  for (const { type } of mine) by_type[type] = (by_type[type] ?? 0) + 1;
  const n = unread ?? mine.length;
  return { data, next, cursor, counters: { unread: n, unseen: n, by_type, more: capped, cursor } };
};

/**
 * @param {number} seq
 * @param {string} type
 * @param {any} data
 */
export const told = (seq, type, data) => ({ id: at(seq), type, data });
