/**
 * The style of the bell at rest, as a constructed style sheet: a Content-Security-Policy that forbids inline styles allows it.
 *
 * The page sets custom properties that begin with `--tidings-`; the short ones are internal. What the bell
 * looks like when it is used is with the list (overlay.css.js), which is loaded by then.
 */

const CSS = `
:host {
  --badge: var(--tidings-badge, #d92d3a);
  display: inline-block;
  font-family: var(--tidings-font, inherit);
  font-size: 14px;
  line-height: 20px;
  vertical-align: middle;
}
:host([theme=light]) { color-scheme: light }
:host([theme=dark]) { color-scheme: dark }
:host([hidden]), [hidden] { display: none !important }
*, ::before, ::after { box-sizing: border-box }
button, a { all: unset; box-sizing: border-box; cursor: pointer; border-radius: 8px }
:focus-visible { outline: 2px solid var(--accent, currentColor) }
svg { width: 1em; height: 1em; fill: none; stroke: currentColor; stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round }

.bell { position: relative; display: grid; place-items: center; width: 40px; height: 40px; border-radius: 12px; font-size: 22px; vertical-align: top }
.badge { min-width: 18px; padding: 0 5px; border-radius: 9px; font-size: 11px; font-weight: 650; line-height: 18px; text-align: center; position: absolute; inset-block-start: 1px; inset-inline-start: 21px; background: var(--badge); color: var(--tidings-on-badge, #fff) }
`;

/** @type {CSSStyleSheet | undefined} */
let constructed;

/** One sheet for all bells of a page. */
export const sheet = () => (constructed ??= construct(CSS));

/** @param {string} css */
export function construct(css) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  return sheet;
}
