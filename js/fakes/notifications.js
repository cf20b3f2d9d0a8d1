/** Builders for the tests of the inbox: notifications, pages and events of one log, "e". */

/** @import { Item } from "../src/inbox/model.js" */

/** @param {number} seq */
export const cursorAt = (seq) => `e-${seq}`;

/**
 * The notification created by event `seq`.
 *
 * @param {number} seq
 * @param {Partial<Item>} [more]
 * @returns {Item}
 */
export const item = (seq, more = {}) => ({
  id: `n${seq}`,
  cursor: cursorAt(seq),
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
 * A page of the inbox, exact cursorAt its newest item, or cursorAt `cursor`.
 *
 * @param {Item[]} data newest first
 * @param {{next?: string | null, unread?: number, capped?: boolean, cursor?: string}} [more]
 */
export const page = (data, { next = null, unread, capped = false, cursor = data[0]?.cursor ?? cursorAt(0) } = {}) => {
  const unreadItems = data.filter(({ status }) => status === "UNREAD");
  /** @type {Record<string, number>} */
  const by_type = {};
  for (const { type } of unreadItems) by_type[type] = (by_type[type] ?? 0) + 1;
  const count = unread ?? unreadItems.length;
  return { data, next, cursor, counters: { unread: count, unseen: count, by_type, more: capped, cursor } };
};

/**
 * @param {number} seq
 * @param {string} type
 * @param {any} data
 */
export const logEvent = (seq, type, data) => ({ id: cursorAt(seq), type, data });
