/** The badge of the browser's tab: a number in the title, a dot on the icon. Fetched only where a page asks for it. */

const ICON_SIZE = 64; // px; browsers scale it down

// A page has one title and one icon, however many bells: what they show is shared state.
/** @type {Map<object, string>} the number of each bell that has one, the latest last */
const numbers = new Map();
/** @type {Map<object, string>} the icon of each bell that has one, the latest last */
const icons = new Map();
/** @type {WeakMap<HTMLLinkElement, {own: string, written: string}>} the page's own URL of each icon, and the one written here */
const links = new WeakMap();
let prefix = "";
let pageTitle = ""; // the page's own title, which may begin with a number, too
/** @type {string | undefined} the title as written here, read back from the browser */
let writtenTitle;

/** Whether the page has changed its title since. */
const pageChangedTitle = () => document.title !== writtenTitle;

/** @param {string} number */
function writeTitle(number) {
  const current = document.title;
  if (pageChangedTitle()) pageTitle = current.startsWith(prefix) ? current.slice(prefix.length) : current;
  prefix = number && `(${number}) `;
  const title = (prefix + pageTitle).trim(); // as browsers trim it, to recognise it later
  if (title !== current) document.title = title;
  writtenTitle = document.title;
}

/**
 * Record the value of one bell; the latest value of any bell is shown.
 *
 * @param {Map<object, string>} values
 * @param {object} bell
 * @param {string} value
 */
function latest(values, bell, value) {
  values.delete(bell);
  if (value) values.set(bell, value);
  return [...values.values()].at(-1) ?? "";
}

/** The page's own attribute as its links will say it. @param {string} href */
const absolute = (href) => Object.assign(document.createElement("a"), { href }).href;

const iconLinks = () => /** @type {NodeListOf<HTMLLinkElement>} */ (document.querySelectorAll('link[rel~="icon"]'));

/** The page's own URL of an icon, also while another is shown. @param {HTMLLinkElement} link */
function ownIcon(link) {
  const known = links.get(link);
  if (known?.written === link.href) return known.own;
  links.set(link, { own: link.href, written: link.href }); // new, or changed by the page
  return link.href;
}

/** Show this icon in all links of the page, or give them back their own. @param {string} icon */
function writeIcons(icon) {
  for (const link of iconLinks()) {
    const own = ownIcon(link);
    if (link.href === (icon || own)) continue;
    link.href = icon || own;
    links.set(link, { own, written: link.href });
  }
}

/** @typedef {ReturnType<typeof createTabBadge>} TabBadge */

/**
 * @param {boolean} title put the number before the title, also when the page changes the title later
 * @param {string | null} favicon null to leave the icons alone; else the URL of an icon with a dot, or "" to draw one,
 *   for which the page's Content-Security-Policy must allow `img-src data:`
 */
export function createTabBadge(title, favicon) {
  let number = "";
  const observer = new MutationObserver(() => {
    if (title && number && pageChangedTitle()) writeTitle(latest(numbers, observer, number));
    if (number) void updateIcons();
  });
  observer.observe(document.head, { subtree: true, childList: true, characterData: true, attributeFilter: ["href", "rel"] });

  if (favicon !== null && !iconLinks().length) {
    document.head.append(Object.assign(document.createElement("link"), { rel: "icon", href: "/favicon.ico" }));
  }
  let drawnOn = ""; // the page's icon that the dot is drawn on
  /** @type {Promise<string> | undefined} */
  let dotted;
  async function updateIcons() {
    const [link] = iconLinks();
    if (favicon === null || !link) return;
    if (number && drawnOn !== ownIcon(link)) {
      drawnOn = ownIcon(link);
      dotted = Promise.resolve(favicon ? absolute(favicon) : drawDot(drawnOn));
    }
    const icon = await dotted;
    writeIcons(latest(icons, observer, (number && icon) || ""));
  }

  /** @param {string} text of the badge */
  const update = (text) => {
    // A bell without a number does not remove another bell's.
    if (title && (text || number)) writeTitle(latest(numbers, observer, text));
    number = text;
    void updateIcons();
  };

  return {
    update,
    close() {
      observer.disconnect();
      update("");
    },
  };
}

/**
 * @param {string} href
 * @returns {Promise<string>} the icon with a dot; only the dot where the icon cannot be read
 */
async function drawDot(href) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = ICON_SIZE;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = new Image(ICON_SIZE, ICON_SIZE);
  image.crossOrigin = "anonymous";
  image.src = href;
  await image.decode().then(
    () => context.drawImage(image, 0, 0, ICON_SIZE, ICON_SIZE),
    () => {},
  );
  context.fillStyle = "#d92d3a";
  context.arc(ICON_SIZE * 0.75, ICON_SIZE * 0.25, ICON_SIZE * 0.25, 0, 2 * Math.PI);
  context.fill();
  return canvas.toDataURL();
}
