/**
 * Toasts: the latest notifications in a small stack that expands under the pointer and closes by itself.
 *
 * Rule 1. At most three stand on the page. A critical one stays until it is dismissed; further ones wait for their turn.
 * Rule 2. A toast that cannot be used is not shown: behind a modal dialog, which makes it inert, and in a hidden page.
 */

import { createCard } from "./card.js";
import { iconButton } from "./controls.js";
import { h, set } from "./dom.js";
import { PATHS } from "./icon-paths.js";

/** @import { Item } from "../inbox/model.js" */
/** @import { Card, CardContext } from "./card.js" */

const DURATION = 6000; // ms on the screen, not counting the time under the pointer
const EXIT = 200; // ms of the exit transition, as in the style sheet
const MAX_TOASTS = 3;
const GAP = 10; // px between two expanded toasts
const TICK = 250; // ms

/** @typedef {{card: Card, element: HTMLElement, remaining: number}} Toast */

/** @typedef {ReturnType<typeof createToasts>} Toasts */

/** @param {Item} item */
export const isCritical = ({ priority }) => priority === "critical";

/**
 * @param {CardContext} context
 * @param {() => void} returnFocus gives the focus back to the bell
 */
export function createToasts(context, returnFocus) {
  /** @type {Map<string, Toast>} newest last */
  const toasts = new Map();
  /** @type {Item[]} critical ones that wait for their turn */
  let queue = [];
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let timer;
  const stack = h("div", { class: "toasts", part: "toasts", popover: "manual", role: "region", "aria-label": context.strings.text("title") });
  for (const type of ["pointerenter", "pointerleave", "focusin", "focusout"]) stack.addEventListener(type, () => arrange());

  /** Whether the pointer or the focus is on the toasts. */
  const expanded = () => stack.matches(":hover, :focus-within");

  const criticalToasts = () => [...toasts.values()].filter(({ card }) => isCritical(card.item)).length;

  /** Set the depth of each toast, newest in front, and its offset when the stack is expanded. */
  function arrange() {
    set(stack, "data-open", expanded());
    const newestFirst = [...toasts.values()].reverse();
    const heights = newestFirst.map(({ element }) => element.scrollHeight); // read all, then write: one layout
    let offset = 0;
    newestFirst.forEach(({ element }, depth) => {
      for (const [name, value] of [["depth", depth], ["offset", `${offset}px`], ["front", `${heights[0]}px`]]) {
        element.style.setProperty(`--${name}`, String(value));
      }
      offset += (heights[depth] ?? 0) + GAP;
    });
    stack.style.setProperty("--height", `${offset}px`);
  }

  /** Show the stack if its front toast can be used. A modal dialog, for one, makes everything outside it inert. */
  function reveal() {
    const front = [...toasts.values()].at(-1)?.element;
    if (!front) return;
    // The popover that was shown last is on top: a dialog that the page opened meanwhile must not cover it.
    if (!stack.matches(":popover-open")) stack.showPopover();
    const { left, top, width, height } = front.getBoundingClientRect();
    const found = /** @type {ShadowRoot} */ (stack.getRootNode()).elementFromPoint(left + width / 2, top + height / 2);
    if (!stack.contains(found)) stack.hidePopover();
  }

  function tick() {
    if (document.hidden) return;
    reveal();
    if (expanded() || !stack.matches(":popover-open")) return;
    for (const [id, toast] of toasts) if ((toast.remaining -= TICK) <= 0) dismiss(id);
  }

  /** @param {Item} item @param {number} now */
  function add(item, now) {
    if (toasts.size >= MAX_TOASTS) {
      const oldest = [...toasts].find(([, { card }]) => !isCritical(card.item));
      if (!oldest) return;
      dismiss(oldest[0]);
    }
    const card = createCard({
      ...context,
      activate(event, item) {
        dismiss(item.id);
        context.activate(event, item);
      },
    });
    card.link.tabIndex = 0;
    const close = iconButton(() => dismiss(item.id), context.strings.text("dismiss"), PATHS.close);
    const element = h("div", { class: "toast", part: "toast" }, card.avatars, card.link, close);
    set(element, "data-priority", item.priority);
    card.update(item, now);
    toasts.set(item.id, { card, element, remaining: isCritical(item) ? Infinity : DURATION });
    stack.append(element);
  }

  /** @param {string} id */
  function dismiss(id) {
    const toast = toasts.get(id);
    if (!toast) return;
    toasts.delete(id);
    const { element } = toast;
    const focused = element.matches(":focus-within");
    set(element, "data-leaving", true);
    setTimeout(() => {
      element.remove();
      if (!toasts.size && stack.isConnected) stack.hidePopover();
    }, EXIT);
    const next = queue.shift();
    if (next) add(next, Date.now());
    const front = [...toasts.values()].at(-1);
    if (focused && front) front.card.link.focus();
    else if (focused) returnFocus();
    arrange();
    if (toasts.size) return;
    clearInterval(timer);
    timer = undefined;
  }

  return {
    element: stack,

    /**
     * Show toasts for these notifications, or move theirs to the front.
     *
     * @param {readonly Item[]} items oldest first
     * @param {number} now
     */
    show(items, now) {
      for (const { id } of items) {
        toasts.get(id)?.element.remove();
        toasts.delete(id);
      }
      queue.push(...items.filter(isCritical));
      const turn = queue.splice(0, MAX_TOASTS - criticalToasts());
      const free = MAX_TOASTS - criticalToasts() - turn.length;
      const normal = items.filter((item) => !isCritical(item));
      for (const item of [...normal.slice(Math.max(0, normal.length - free)), ...turn]) add(item, now);
      if (!toasts.size) return;
      timer ??= setInterval(tick, TICK);
      arrange();
      reveal();
    },

    /**
     * Update the toasts; one whose item was read or withdrawn, here or elsewhere, is dismissed.
     *
     * @param {readonly Item[]} items
     * @param {number} now
     */
    render(items, now) {
      if (!toasts.size) return;
      const unread = new Map(items.flatMap((item) => (item.status === "UNREAD" ? [[item.id, item]] : [])));
      queue = queue.filter(({ id }) => unread.has(id));
      for (const [id, { card }] of toasts) {
        const item = unread.get(id);
        if (item) card.update(item, now);
        else dismiss(id);
      }
    },

    clear() {
      queue = [];
      for (const id of [...toasts.keys()]) dismiss(id);
    },
  };
}
