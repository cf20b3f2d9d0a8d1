/** Toasts: what has just arrived, in a small stack that fans out under the pointer and goes by itself. */

import { openCard } from "./card.js";
import { iconButton } from "./controls.js";
import { h, set } from "./dom.js";
import { PATHS } from "./drawings.js";

/** @import { Item } from "../inbox/model.js" */
/** @import { Card, Style } from "./card.js" */

const STAY = 6000; // ms on the screen, not counting the time under the pointer
const LEAVE = 200; // ms of the way out, as in the style sheet
const STACK = 3; // more would be a wall
const GAP = 10; // px between two that are fanned out
const TICK = 250; // ms

/** @typedef {ReturnType<typeof openToasts>} Toasts */

/**
 * @param {Style} style
 * @param {() => void} leave gives the focus back to the bell
 */
export function openToasts(style, leave) {
  /** @type {Map<string, {card: Card, element: HTMLElement, left: number}>} newest last */
  const toasts = new Map();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let timer;
  const box = h("div", { class: "toasts", part: "toasts", popover: "manual", role: "region", "aria-label": style.words.say("title") });
  for (const type of ["pointerenter", "pointerleave", "focusin", "focusout"]) box.addEventListener(type, () => arrange());

  /** Someone is looking: under the pointer, in the focus. */
  const held = () => box.matches(":hover, :focus-within");

  /** Newest in front; each of the others knows its depth, and how far up it lies when fanned out. */
  function arrange() {
    set(box, "data-open", held());
    const stack = [...toasts.values()].reverse();
    const front = stack[0]?.element.scrollHeight;
    let rise = 0;
    stack.forEach(({ element }, depth) => {
      for (const [name, value] of [["depth", depth], ["rise", `${rise}px`], ["front", `${front}px`]]) {
        element.style.setProperty(`--${name}`, String(value));
      }
      rise += element.scrollHeight + GAP;
    });
    box.style.setProperty("--height", `${rise}px`);
  }

  function tick() {
    if (held() || document.hidden) return;
    for (const [id, toast] of toasts) if ((toast.left -= TICK) <= 0) dismiss(id);
  }

  /** @param {string} id */
  function make(id) {
    const card = openCard({
      ...style,
      activate(event, item) {
        dismiss(id);
        style.activate(event, item);
      },
    });
    card.main.tabIndex = 0;
    const away = iconButton(() => dismiss(id), style.words.say("dismiss"), PATHS.close);
    return { card, element: h("div", { class: "toast", part: "toast" }, card.portrait, card.main, away), left: 0 };
  }

  /** @param {string} id */
  function dismiss(id) {
    const toast = toasts.get(id);
    if (!toast) return;
    toasts.delete(id);
    if (toast.element.matches(":focus-within")) {
      const next = [...toasts.values()].at(-1);
      if (next) next.card.main.focus();
      else leave();
    }
    set(toast.element, "data-leaving", true);
    setTimeout(() => {
      toast.element.remove();
      if (!toasts.size && box.isConnected) box.hidePopover();
    }, LEAVE);
    arrange();
    if (toasts.size) return;
    clearInterval(timer);
    timer = undefined;
  }

  return {
    element: box,

    /**
     * Show a toast, or show it anew at the front.
     *
     * @param {Item} item
     * @param {number} now
     */
    show(item, now) {
      const toast = toasts.get(item.id) ?? make(item.id);
      toasts.delete(item.id);
      toasts.set(item.id, toast);
      toast.left = item.priority === "critical" ? Infinity : STAY;
      toast.card.update(item, now);
      // Shown last is on top: a dialog that the page opened meanwhile must not cover it.
      if (!box.matches(":popover-open")) box.showPopover();
      box.append(toast.element);
      for (const id of [...toasts.keys()].slice(0, -STACK)) dismiss(id);
      timer ??= setInterval(tick, TICK);
      arrange();
    },

    /**
     * Follow what has changed: an item that was read or withdrawn, here or elsewhere, needs no toast.
     *
     * @param {readonly Item[]} items
     * @param {number} now
     */
    render(items, now) {
      for (const [id, { card }] of toasts) {
        const item = items.find((one) => one.id === id);
        if (item?.status === "UNREAD") card.update(item, now);
        else dismiss(id);
      }
    },

    clear() {
      for (const id of [...toasts.keys()]) dismiss(id);
    },
  };
}
