/** The strings of the bell's button. */

/** @typedef {string | ((n: any) => string)} Label */

/** @type {Record<string, Label>} */
const LABELS = {
  title: "Notifications",
  bell: "Notifications, {n} unread",
};

/**
 * @param {string | undefined} locale
 * @param {Record<string, Label>} labels
 */
export function createStrings(locale, labels) {
  const strings = { ...LABELS, ...labels };
  const number = new Intl.NumberFormat(locale);

  return {
    /**
     * The text of a label.
     *
     * @param {string} name
     * @param {string | number} [n] the argument of a function; replaces `{n}` in a text
     */
    text(name, n = "") {
      const label = strings[name] ?? "";
      return typeof label === "string" ? label.replace("{n}", String(n)) : label(n);
    },

    /**
     * The text of a badge; "" for none.
     *
     * @param {number} n
     * @param {boolean} more whether the count is more than `n`
     */
    badge: (n, more) => (!n ? "" : n > 99 || more ? `${number.format(99)}+` : number.format(n)),
  };
}
