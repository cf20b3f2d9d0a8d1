/**
 * Cursors: `<epoch>-<seq>`, opaque but for one rule: within an epoch, and between two resets of one stream, they are
 * ordered by seq (docs/events.md).
 */

/** The seq of a cursor; NaN for a text that is no cursor. @param {string} cursor */
export const seqOf = (cursor) => Number(cursor.slice(cursor.lastIndexOf("-") + 1));

/**
 * Whether `a` is at or before `b`. False for cursors of different epochs, which have no order.
 *
 * @param {string | undefined} a
 * @param {string | undefined} b
 */
export const isAtOrBefore = (a = "", b = "") =>
  a.slice(0, a.lastIndexOf("-")) === b.slice(0, b.lastIndexOf("-")) && seqOf(a) <= seqOf(b);
