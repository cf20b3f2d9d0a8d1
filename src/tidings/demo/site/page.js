/** Shared by all pages: building elements, light and dark, the clipboard. */

/**
 * @param {string} tag
 * @param {Record<string, any>} [attributes] functions are listeners (`onclick`); false and null are left out
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {any}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** @param {string} selector @returns {any} */
export const $ = (selector, root = document) => root.querySelector(selector);

/** The page's values in localStorage. Where storage is blocked, its name alone throws. */
export const keep = {
  /** @param {string} key @returns {string | null} */
  get(key) {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  },
  /** @param {string} key @param {string | null} text null forgets it */
  set(key, text) {
    try {
      if (text === null) localStorage.removeItem(key);
      else localStorage.setItem(key, text);
    } catch {
      // Then it lasts as long as the page does.
    }
  },
};

/** A button that copies what `text` gives when it is pressed. @param {() => string} text */
export function copier(text, label = "Copy") {
  const button = h("button", { type: "button", class: "button small copy" }, label);
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text());
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = label), 1600);
  });
  return button;
}

/**
 * A call of the API, and how it went: status 0 without an answer.
 *
 * @param {string} method
 * @param {string} path
 * @param {{body?: any, headers?: Record<string, string>}} [what] a string is sent as it is
 */
export async function call(method, path, { body, headers } = {}) {
  const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const began = performance.now();
  const took = () => performance.now() - began;
  try {
    const response = await fetch(path, {
      method,
      body: text,
      headers: text === undefined ? headers : { "content-type": "application/json", ...headers },
    });
    const said = await response.text();
    const json = response.headers.get("content-type")?.includes("json") ? JSON.parse(said) : null;
    return { ok: response.ok, status: response.status, headers: response.headers, json, took: took() };
  } catch {
    return { ok: false, status: 0, headers: new Headers(), json: null, took: took() };
  }
}

const SUN = "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4";
const MOON = "M20 14.2A8.2 8.2 0 0 1 9.8 4 8.2 8.2 0 1 0 20 14.2z";

/** @param {string} path the `d` of an SVG path on a grid of 24 */
export function drawing(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(svg.namespaceURI, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

const dark = () => {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};

/** The system's choice, until the user presses the button. */
function themes() {
  const { dataset } = document.documentElement;
  const button = $(".theme");
  const paint = () => {
    button.replaceChildren(drawing(dark() ? SUN : MOON));
    button.setAttribute("aria-label", dark() ? "Light colours" : "Dark colours");
    dispatchEvent(new Event("theme"));
  };
  button.addEventListener("click", () => {
    dataset.theme = dark() ? "light" : "dark";
    keep.set("theme", dataset.theme);
    paint();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  paint();
}

themes();
