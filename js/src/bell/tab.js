/** The browser's tab: a number in its title, a dot on its icon. Fetched only where a page asks for it. */

import { safeUrl } from "./url.js";

const NUMBER = /^\(\S+\) /;
const SIDE = 64; // px; browsers scale it down

/** @typedef {ReturnType<typeof openTab>} Tab */

/**
 * @param {boolean} title put the number before the title, also when the page changes the title later
 * @param {string | null} favicon null to leave the icon alone; else the address of an icon that has a dot, or ""
 *   to draw one, for which the page's Content-Security-Policy must allow `img-src data:`
 */
export function openTab(title, favicon) {
  let number = "";
  const name = () => {
    const text = (number && `(${number}) `) + document.title.replace(NUMBER, "");
    if (title && text !== document.title) document.title = text;
  };
  const watch = new MutationObserver(name);
  watch.observe(document.head, { subtree: true, childList: true, characterData: true });

  const link = favicon === null ? null : pageIcon();
  const plain = link?.href ?? "";
  /** @type {Promise<string> | undefined} */
  let dotted;
  const mark = async () => {
    if (number) dotted ??= Promise.resolve(safeUrl(favicon) ?? draw(plain));
    const other = await dotted;
    const href = number && other ? other : plain;
    if (link && link.href !== href) link.href = href;
  };

  /** @param {string} next what the badge says */
  const paint = (next) => {
    number = next;
    name();
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
