/** How much of the past is in sight. Pure. */

export const WINDOW = 20_000; // ms

/**
 * Drops what is out of sight, now and then: there is never more than twice of what is in it.
 *
 * @template T
 * @param {T[]} marks oldest first
 * @param {number} now ms
 * @param {(mark: T) => number} [when] ms
 */
export function forget(marks, now, when = Number) {
  if (!marks.length || when(marks[0]) > now - 2 * WINDOW) return;
  const first = marks.findIndex((mark) => when(mark) >= now - WINDOW);
  marks.splice(0, first < 0 ? marks.length : first);
}
