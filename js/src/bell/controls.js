/** Small controls of the list and the toasts. */

import { h, set } from "./dom.js";
import { icon } from "./icon.js";

/** @import { Value } from "./dom.js" */

/**
 * Set the text of an element; an empty text hides it.
 *
 * @param {HTMLElement} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = !text;
}

/**
 * A text button.
 *
 * @param {string} text
 * @param {() => void} onclick
 * @param {Record<string, Value>} [attributes]
 */
export const button = (text, onclick, attributes) => h("button", { type: "button", class: "text", ...attributes, onclick }, text);

/**
 * An icon button.
 *
 * @param {() => void} onclick
 * @param {string} [text]
 * @param {string} [path] of the icon
 */
export function iconButton(onclick, text = "", path = "") {
  const element = button("", onclick, { class: "icon" });
  if (text) setLabel(element, text, path);
  return element;
}

/**
 * Set the label and the icon of an icon button.
 *
 * @param {HTMLElement} element
 * @param {string} text
 * @param {string} path of the icon
 */
export function setLabel(element, text, path) {
  if (element.title === text) return;
  element.title = text;
  set(element, "aria-label", text);
  element.replaceChildren(icon(path));
}
