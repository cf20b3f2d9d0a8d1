/** The URLs that a notification may link to. */

/**
 * The absolute URL if a link may lead there (http, https, or relative to the page), else null.
 *
 * @param {unknown} text
 * @returns {string | null}
 */
export function safeUrl(text) {
  if (!text || typeof text !== "string") return null;
  try {
    const { href, protocol } = new URL(text, document.baseURI);
    return /^https?:$/.test(protocol) ? href : null;
  } catch {
    return null;
  }
}
