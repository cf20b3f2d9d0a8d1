/**
 * Cursors are `<epoch>-<seq>`. Within an epoch they are ordered by seq; otherwise they are opaque (docs/events.md).
 */

/**
 * The position of a cursor in its log.
 *
 * @param {string} cursor
 * @returns {number} NaN for a text that is no cursor
 */
export const seqOf = (cursor) => Number(cursor.slice(cursor.lastIndexOf("-") + 1));
