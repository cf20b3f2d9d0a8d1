/** The strings of the bell's button. */

/** @typedef {string | ((n: any) => string)} Label */

/** @type {Record<string, Label>} */
const LABELS = {
  title: "Notifications",
  bell: "Notifications, {n} unread",
  failed: "Notifications could not be loaded",
};

/**
 * The locale of a `lang` attribute, which may hold any text ("en_US"); undefined for the browser's.
 *
 * @param {string | undefined} lang
 */
export function localeOf(lang) {
  try {
    return Intl.getCanonicalLocales(lang?.replaceAll("_", "-"))[0];
  } catch {
    return undefined;
  }
}

/**
 * @param {string | undefined} locale
 * @param {() => Record<string, Label>} labels the current ones: a framework assigns new functions at each render
 */
export function createStrings(locale, labels) {
  const number = new Intl.NumberFormat(locale);

  return {
    /**
     * The text of a label. An error of a function is reported and gives an empty text.
     *
     * @param {string} name
     * @param {string | number} [n] the argument of a function; replaces `{n}` in a text
     */
    text(name, n = "") {
      const label = { ...LABELS, ...labels() }[name] ?? "";
      try {
        return typeof label === "function" ? String(label(n)) : String(label).replace("{n}", String(n));
      } catch (error) {
        reportError(error);
        return "";
      }
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
