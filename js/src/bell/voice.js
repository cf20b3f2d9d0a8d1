/** The few words of the bell itself. */

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
export function openVoice(locale, labels) {
  const words = { ...LABELS, ...labels };
  const number = new Intl.NumberFormat(locale);

  return {
    /**
     * @param {string} label
     * @param {string | number} [n] the argument of a function; in a text it stands in place of `{n}`
     */
    say(label, n = "") {
      const text = words[label] ?? "";
      return typeof text === "string" ? text.replace("{n}", String(n)) : text(n);
    },

    /**
     * A number as a badge shows it.
     *
     * @param {number} n
     * @param {boolean} more it is more than that
     */
    badge: (n, more) => (!n ? "" : n > 99 || more ? `${number.format(99)}+` : number.format(n)),
  };
}
