/** The small parts that the list and the toasts are made of. */

import { h, set } from "./dom.js";
import { icon } from "./icon.js";

/** @import { Value } from "./dom.js" */

/**
 * Put a text into an element, or hide it if there is none.
 *
 * @param {HTMLElement} element
 * @param {string} text
 */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = !text;
}

/**
 * A button with words on it.
 *
 * @param {string} text
 * @param {() => void} onclick
 * @param {Record<string, Value>} [attributes]
 */
export const button = (text, onclick, attributes) => h("button", { type: "button", class: "text", ...attributes, onclick }, text);

/**
 * A button with a drawing on it.
 *
 * @param {() => void} onclick
 * @param {string} [text]
 * @param {string} [drawing]
 */
export function iconButton(onclick, text = "", drawing = "") {
  const element = button("", onclick, { class: "icon" });
  if (text) label(element, text, drawing);
  return element;
}

/**
 * What an icon button is for, in words and in a drawing.
 *
 * @param {HTMLElement} element
 * @param {string} text
 * @param {string} drawing
 */
export function label(element, text, drawing) {
  if (element.title === text) return;
  element.title = text;
  set(element, "aria-label", text);
  element.replaceChildren(icon(drawing));
}
