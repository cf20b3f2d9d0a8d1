/** The strings of the list and the toasts, and their dates and lists of names. */

import { createStrings } from "./strings.js";

/** @import { Label } from "./strings.js" */

/** @type {Record<string, Label>} */
const LABELS = {
  all: "All",
  unread: "Unread",
  markAll: "Mark all as read",
  close: "Close",
  markRead: "Mark as read",
  markUnread: "Mark as unread",
  archive: "Archive",
  archived: "Archived",
  unarchive: "Unarchive",
  undo: "Undo",
  dismiss: "Dismiss",
  others: (/** @type {number} */ n) => (n > 1 ? `${n} others` : "1 other"),
  rest: "others",
  times: "{n} times",
  many: "{n} new notifications",
  empty: "You’re all caught up",
  emptyHint: "New notifications will appear here.",
  emptyUnread: "Nothing unread",
  emptyArchived: "Nothing archived",
  loading: "Loading…",
  refused: "That did not work",
  retry: "Try again",
  reconnecting: "Reconnecting…",
  offline: "Not connected",
};

/** @type {[Intl.RelativeTimeFormatUnit, number][]} a unit and its length in seconds */
const UNITS = [
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];
const MAX_AGE = 30 * 86_400; // s; anything older is shown as a date

/** @typedef {ReturnType<typeof createOverlayStrings>} OverlayStrings */

/**
 * @param {string | undefined} locale
 * @param {() => Record<string, Label>} labels the current ones
 */
export function createOverlayStrings(locale, labels) {
  // A duration is not a calendar day: 47 hours ago is "2 days ago" at most, never "yesterday". Only "now" has no number.
  const relative = new Intl.RelativeTimeFormat(locale, { style: "short" });
  const present = new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(0, "second");
  const list = new Intl.ListFormat(locale);

  return {
    ...createStrings(locale, () => ({ ...LABELS, ...labels() })),

    /**
     * "5 min. ago", or a date; "" for a text that is no time.
     *
     * @param {string} time RFC 3339
     * @param {number} now milliseconds since 1970
     */
    ago(time, now) {
      // This clock may be behind the server's: never "in 2 minutes".
      const age = Math.max(0, now - Date.parse(time)) / 1000;
      if (Number.isNaN(age)) return "";
      if (age > MAX_AGE) return new Date(time).toLocaleDateString(locale, { dateStyle: "medium" });
      const [unit, length] = UNITS.find(([, length]) => age >= length) ?? [];
      return unit && length ? relative.format(-Math.floor(age / length), unit) : present;
    },

    /** @param {string} time RFC 3339 */
    dateTime: (time) => new Date(time).toLocaleString(locale),

    /** The parts of a list of names: elements and literals. @param {string[]} names */
    list: (names) => list.formatToParts(names),
  };
}
