/**
 * Builds elements without strings of markup and without `style` attributes, so that a page may forbid both
 * (Content-Security-Policy, Trusted Types).
 */

/** @typedef {string | number | boolean | null | undefined} Value */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, Value | ((event: any) => void)>} [attributes] functions are listeners (`onclick`)
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else set(element, name, value);
  }
  element.append(...children);
  return element;
}

/**
 * Set an attribute; null and undefined remove it. A boolean toggles it, except for `aria-*`, whose values are "true"
 * and "false".
 *
 * @param {Element} element
 * @param {string} name
 * @param {Value} value
 */
export function set(element, name, value) {
  if (typeof value === "boolean" && !name.startsWith("aria-")) element.toggleAttribute(name, value);
  else if (value === null || value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}
