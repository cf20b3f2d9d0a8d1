/** The browser's tab: a number in its title, a dot on its icon. Fetched only where a page asks for it. */

import { safeUrl } from "./url.js";

const SIDE = 64; // px; browsers scale it down

// A page has one title and one icon, however many bells: what they have put there is known to all of them.
/** @type {Map<object, string>} the number of each bell that has one, of the last to speak last */
const numbers = new Map();
/** @type {Map<object, string>} the same for icons */
const icons = new Map();
let plain = ""; // the page's own icon
let prefix = "";
let own = ""; // the page's title, which may begin with a number, too
/** @type {string | undefined} the whole, as the browser gave it back */
let written;

/** Has the page given itself a title meanwhile? */
const retitled = () => document.title !== written;

/** @param {string} number */
function entitle(number) {
  const found = document.title;
  if (retitled()) own = found.startsWith(prefix) ? found.slice(prefix.length) : found;
  prefix = number && `(${number}) `;
  const whole = (prefix + own).trim(); // as browsers trim it: what was written is to be known again
  if (whole !== found) document.title = whole;
  written = document.title;
}

/**
 * What is to be shown now that one bell says this: its own, or what another has said.
 *
 * @param {Map<object, string>} all
 * @param {object} bell
 * @param {string} said
 */
function among(all, bell, said) {
  all.delete(bell);
  if (said) all.set(bell, said);
  return [...all.values()].at(-1) ?? "";
}

/** @typedef {ReturnType<typeof openTab>} Tab */

/**
 * @param {boolean} title put the number before the title, also when the page changes the title later
 * @param {string | null} favicon null to leave the icon alone; else the address of an icon that has a dot, or ""
 *   to draw one, for which the page's Content-Security-Policy must allow `img-src data:`
 */
export function openTab(title, favicon) {
  let number = "";
  const watch = new MutationObserver(() => number && retitled() && entitle(among(numbers, watch, number)));
  if (title) watch.observe(document.head, { subtree: true, childList: true, characterData: true });

  const link = favicon === null ? null : pageIcon();
  if (link && !icons.size) plain = link.href;
  /** @type {Promise<string> | undefined} */
  let dotted;
  const mark = async () => {
    if (number) dotted ??= Promise.resolve(safeUrl(favicon) ?? draw(plain));
    const other = await dotted;
    const href = among(icons, watch, (number && other) || "") || plain;
    if (link && link.href !== href) link.href = href;
  };

  /** @param {string} next what the badge says */
  const paint = (next) => {
    // A bell that has nothing to say does not take away what another has said.
    if (title && (next || number)) entitle(among(numbers, watch, next));
    number = next;
    mark();
  };

  return {
    paint,
    close() {
      watch.disconnect();
      paint("");
    },
  };
}

/** @returns {HTMLLinkElement} */
function pageIcon() {
  const found = document.querySelector('link[rel~="icon"]');
  if (found instanceof HTMLLinkElement) return found;
  const link = document.createElement("link");
  link.rel = "icon";
  link.href = "/favicon.ico";
  document.head.append(link);
  return link;
}

/**
 * @param {string} href
 * @returns {Promise<string>} the picture with a dot; only the dot where the picture cannot be read
 */
async function draw(href) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const picture = new Image(SIDE, SIDE);
  picture.crossOrigin = "anonymous";
  picture.src = href;
  await picture.decode().then(
    () => pen.drawImage(picture, 0, 0, SIDE, SIDE),
    () => {},
  );
  pen.fillStyle = "#d92d3a";
  pen.arc(SIDE * 0.75, SIDE * 0.25, SIDE * 0.25, 0, 2 * Math.PI);
  pen.fill();
  return canvas.toDataURL();
}
