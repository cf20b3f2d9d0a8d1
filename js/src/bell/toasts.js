/** Toasts: the latest notifications in a small stack that expands under the pointer and closes by itself. */

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

/** @typedef {ReturnType<typeof createToasts>} Toasts */

/**
 * @param {CardContext} context
 * @param {() => void} returnFocus gives the focus back to the bell
 */
export function createToasts(context, returnFocus) {
  /** @type {Map<string, {card: Card, element: HTMLElement, remaining: number}>} newest last */
  const toasts = new Map();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let timer;
  const stack = h("div", { class: "toasts", part: "toasts", popover: "manual", role: "region", "aria-label": context.strings.text("title") });
  for (const type of ["pointerenter", "pointerleave", "focusin", "focusout"]) stack.addEventListener(type, () => arrange());

  /** Whether the pointer or the focus is on the toasts. */
  const expanded = () => stack.matches(":hover, :focus-within");

  /** Set the depth of each toast, newest in front, and its offset when the stack is expanded. */
  function arrange() {
    set(stack, "data-open", expanded());
    const newestFirst = [...toasts.values()].reverse();
    const front = newestFirst[0]?.element.scrollHeight;
    let offset = 0;
    newestFirst.forEach(({ element }, depth) => {
      for (const [name, value] of [["depth", depth], ["offset", `${offset}px`], ["front", `${front}px`]]) {
        element.style.setProperty(`--${name}`, String(value));
      }
      offset += element.scrollHeight + GAP;
    });
    stack.style.setProperty("--height", `${offset}px`);
  }

  function tick() {
    if (expanded() || document.hidden) return;
    for (const [id, toast] of toasts) if ((toast.remaining -= TICK) <= 0) dismiss(id);
  }

  /** @param {string} id */
  function createToast(id) {
    const card = createCard({
      ...context,
      activate(event, item) {
        dismiss(id);
        context.activate(event, item);
      },
    });
    card.link.tabIndex = 0;
    const close = iconButton(() => dismiss(id), context.strings.text("dismiss"), PATHS.close);
    return { card, element: h("div", { class: "toast", part: "toast" }, card.avatars, card.link, close), remaining: 0 };
  }

  /** @param {string} id */
  function dismiss(id) {
    const toast = toasts.get(id);
    if (!toast) return;
    toasts.delete(id);
    if (toast.element.matches(":focus-within")) {
      const next = [...toasts.values()].at(-1);
      if (next) next.card.link.focus();
      else returnFocus();
    }
    set(toast.element, "data-leaving", true);
    setTimeout(() => {
      toast.element.remove();
      if (!toasts.size && stack.isConnected) stack.hidePopover();
    }, EXIT);
    arrange();
    if (toasts.size) return;
    clearInterval(timer);
    timer = undefined;
  }

  return {
    element: stack,

    /**
     * Show a toast, or move it to the front.
     *
     * @param {Item} item
     * @param {number} now
     */
    show(item, now) {
      const toast = toasts.get(item.id) ?? createToast(item.id);
      toasts.delete(item.id);
      toasts.set(item.id, toast);
      toast.remaining = item.priority === "critical" ? Infinity : DURATION;
      toast.card.update(item, now);
      // The popover that was shown last is on top: a dialog that the page opened meanwhile must not cover it.
      if (!stack.matches(":popover-open")) stack.showPopover();
      stack.append(toast.element);
      for (const id of [...toasts.keys()].slice(0, -MAX_TOASTS)) dismiss(id);
      timer ??= setInterval(tick, TICK);
      arrange();
    },

    /**
     * Update the toasts; one whose item was read or withdrawn, here or elsewhere, is dismissed.
     *
     * @param {readonly Item[]} items
     * @param {number} now
     */
    render(items, now) {
      for (const [id, { card }] of toasts) {
        const item = items.find((candidate) => candidate.id === id);
        if (item?.status === "UNREAD") card.update(item, now);
        else dismiss(id);
      }
    },

    clear() {
      for (const id of [...toasts.keys()]) dismiss(id);
    },
  };
}
