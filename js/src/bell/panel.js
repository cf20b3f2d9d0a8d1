/** The popover: tabs, the list, and what it says when there is no list. */

import { openCard } from "./card.js";
import { button, iconButton, label, write } from "./controls.js";
import { h, set } from "./dom.js";
import { PATHS } from "./drawings.js";
import { BELL, icon } from "./icon.js";

/** @import { Item } from "../inbox/model.js" */
/** @import { List, Snapshot } from "../inbox/store.js" */
/** @import { Style } from "./card.js" */

/**
 * What the user can do here.
 *
 * @typedef {object} Deeds
 * @property {(item: Item) => void} toggle read or unread
 * @property {(item: Item) => void} archive
 * @property {() => void} markAll
 * @property {(list: List) => Promise<void> | undefined} loadMore
 * @property {() => void} reload
 * @property {() => void} render draw anew
 * @property {() => void} leave put the list away
 */

/** @typedef {{element: HTMLElement, card: import("./card.js").Card, update(item: Item, now: number): void}} Row */

/** @typedef {ReturnType<typeof openPanel>} Panel */

const LISTS = /** @type {const} */ (["all", "unread"]);
const NOTICE = 6000; // ms that a notice ("Archived. Undo") stays
const GAP = 8; // px between the bell and the panel, and between the panel and the edge of the window
const LOW = 320; // px; with less room than that below the bell, above it is better

/**
 * @param {Style} style
 * @param {Deeds} deeds
 * @returns {Row}
 */
function openRow(style, { toggle, archive }) {
  const card = openCard(style);
  const flip = iconButton(() => toggle(card.item));
  const away = iconButton(() => archive(card.item), style.words.say("archive"), PATHS.archive);
  const actions = h("span", { class: "actions", part: "actions" }, flip, away);
  const element = h("li", {}, card.portrait, card.main, actions);
  element.className = "row";
  return {
    element,
    card,
    update(item, now) {
      const unread = item.status === "UNREAD";
      set(element, "part", unread ? "item unread" : "item");
      set(element, "data-unread", unread);
      set(element, "data-priority", item.priority);
      label(flip, style.words.say(unread ? "markRead" : "markUnread"), unread ? PATHS.check : PATHS.dot);
      card.update(item, now);
    },
  };
}

/**
 * @param {Style} style
 * @param {Deeds} deeds
 */
export function openPanel(style, deeds) {
  const { say, badge } = style.words;
  /** @type {List} */
  let list = "all";
  /** @type {Map<string, Row>} */
  const rows = new Map();
  let current = ""; // id of the row that Tab reaches: the list is one stop, its arrows do the rest
  let stuck = false; // the last page asked for did not come
  let state = ""; // what stands where there are no rows
  /** @type {ReturnType<typeof setTimeout>} */
  let fading;

  const count = h("span", { class: "count" });
  const tabs = LISTS.map((name) =>
    button(say(name), () => show(name), { class: "tab", role: "tab", id: name, part: "tab", "aria-controls": "list" }),
  );
  tabs[1]?.append(count);
  const markAll = button(say("markAll"), () => markAll.ariaDisabled === "true" || deeds.markAll(), { part: "mark-all" });
  const close = iconButton(deeds.leave, say("close"), PATHS.close);
  close.classList.add("close");
  const strip = h("div", { class: "notice late", part: "status", role: "status" });
  const box = h("ul", { role: "list", part: "list" });
  const blank = h("div", { class: "blank", part: "empty" });
  const end = h("div", { class: "end" });
  const scroller = h("div", { class: "scroller", id: "list", role: "tabpanel", onkeydown: steer }, box, blank, end);
  const notice = h("div", { class: "notice", part: "notice", role: "status", hidden: true });
  const element = h(
    "div",
    { class: "panel", part: "panel", popover: "auto", role: "dialog", tabindex: -1, "aria-labelledby": "title", onkeydown: enter },
    h(
      "div",
      { class: "head", part: "header" },
      h("h2", { id: "title", part: "heading" }, say("title")),
      markAll,
      close,
      h("div", { role: "tablist", "aria-labelledby": "title", onkeydown: turn }, ...tabs),
    ),
    strip,
    scroller,
    notice,
    h("slot", { name: "footer" }),
  );
  const sight = new IntersectionObserver(([seen]) => seen?.isIntersecting && more(), { root: scroller, rootMargin: "200px" });
  const spinner = () => h("span", { class: "spinner", role: "img", "aria-label": say("loading") });

  /** @param {List} name */
  function show(name) {
    list = name;
    stuck = false;
    deeds.render();
    scroller.scrollTop = 0;
  }

  /**
   * @param {readonly Item[]} items
   * @param {number} now
   */
  function reconcile(items, now) {
    const root = /** @type {ShadowRoot} */ (element.getRootNode());
    const focused = /** @type {HTMLElement | null} */ (root.activeElement);
    const index = [...box.children].findIndex((row) => row.contains(focused));
    const wanted = new Set(items.map(({ id }) => id));
    for (const [id, row] of rows) {
      if (wanted.has(id)) continue;
      row.element.remove();
      rows.delete(id);
    }
    let at = box.firstElementChild;
    for (const item of items) {
      const row = rows.get(item.id) ?? openRow(style, deeds);
      rows.set(item.id, row);
      row.update(item, now);
      if (row.element === at) at = at.nextElementSibling;
      else box.insertBefore(row.element, at);
    }
    rove(rows.has(current) ? current : (items[0]?.id ?? ""));
    if (index < 0 || root.activeElement === focused) return;
    // The row moved or went: the focus stays with it, or goes to its neighbour.
    if (focused?.isConnected) focused.focus();
    else focus(index);
  }

  /** @param {string} id of the row that Tab reaches from now on */
  function rove(id) {
    current = id;
    for (const [other, row] of rows) {
      for (const control of row.element.querySelectorAll("a, button")) set(control, "tabindex", other === id ? 0 : -1);
    }
  }

  /** @param {number} index */
  function focus(index) {
    const row = box.children[Math.max(0, Math.min(index, rows.size - 1))];
    for (const [id, { element }] of rows) if (element === row) rove(id);
    (row?.querySelector("a") ?? element).focus();
  }

  /**
   * What stands where there are no rows.
   *
   * @param {string} next
   */
  function fill(next) {
    blank.hidden = !next;
    if (next === state) return;
    state = next;
    if (next === "loading") blank.replaceChildren(spinner());
    else if (next === "failed") blank.replaceChildren(h("p", { class: "strong" }, say(next)), button(say("retry"), deeds.reload));
    else if (next) {
      const text = next === "all" ? "empty" : "emptyUnread";
      blank.replaceChildren(icon(BELL), h("p", { class: "strong" }, say(text)), h("p", {}, say("emptyHint")));
    }
  }

  /** @param {boolean} older are there older ones to load? */
  function foot(older) {
    sight.disconnect();
    end.hidden = !older;
    end.replaceChildren(stuck ? button(say("retry"), () => more(true)) : spinner());
    // Observing anew reports at once whether the end is still in sight: a short page asks for the next.
    if (older && !stuck) sight.observe(end);
  }

  /** @param {boolean} [again] */
  async function more(again = false) {
    if (stuck && !again) return;
    stuck = false;
    try {
      await deeds.loadMore(list);
    } catch {
      stuck = true;
      deeds.render();
    }
  }

  /** Arrows between the tabs. @param {KeyboardEvent} event */
  function turn(event) {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    event.preventDefault();
    show(list === "all" ? "unread" : "all");
    tabs[LISTS.indexOf(list)]?.focus();
  }

  /** Arrow down leads from anywhere above into the list, Escape out of it. @param {KeyboardEvent} event */
  function enter(event) {
    if (event.defaultPrevented || !["ArrowDown", "Escape"].includes(event.key)) return;
    event.preventDefault();
    if (event.key === "Escape") deeds.leave();
    else focus(0);
  }

  /** Arrows, Home, End and Delete in the list. @param {KeyboardEvent} event */
  function steer(event) {
    const index = [...box.children].findIndex((row) => row.contains(/** @type {Node} */ (event.target)));
    const row = [...rows.values()].find(({ element }) => element === box.children[index]);
    const step = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: Infinity, Delete: index }[event.key];
    if (!row || step === undefined) return;
    event.preventDefault();
    if (event.key === "Delete") deeds.archive(row.card.item);
    else focus(step);
  }

  return {
    element,

    get open() {
      return element.matches(":popover-open");
    },

    /**
     * Below the bell, or above it where there is more room, along the edge that is nearer to the window's.
     *
     * @param {DOMRect} bell
     */
    place({ top, bottom, left, right }) {
      const { clientWidth: width, clientHeight: height } = document.documentElement;
      const up = height - bottom < LOW && top > height - bottom;
      const end = left + right > width;
      const side = `${Math.max(GAP, end ? width - right : left)}px`;
      const inset = [
        up ? "auto" : `${bottom + GAP}px`,
        end ? side : "auto",
        up ? `${height - top + GAP}px` : "auto",
        end ? "auto" : side,
      ];
      element.style.setProperty("--at", inset.join(" "));
      element.style.setProperty("--room", `${(up ? top : height - bottom) - 2 * GAP}px`);
    },

    /**
     * @param {Snapshot} snapshot
     * @param {number} now
     */
    render({ phase, counters, connection, more, ...items }, now) {
      tabs.forEach((tab, n) => {
        set(tab, "aria-selected", LISTS[n] === list);
        set(tab, "tabindex", LISTS[n] === list ? 0 : -1);
      });
      set(scroller, "aria-labelledby", list);
      write(count, badge(counters.unread, counters.more));
      // Not `disabled`, which would take the focus from whoever has just pressed it.
      set(markAll, "aria-disabled", !counters.unread);
      const lost = phase === "ready" && !["open", "connecting"].includes(connection);
      write(strip, lost ? say("reconnecting") : "");
      const shown = list === "all" ? items.items : items.unread;
      reconcile(shown, now);
      fill(shown.length || more[list] ? "" : phase === "ready" ? list : phase);
      foot(phase === "ready" && more[list]);
    },

    /** @param {number} now */
    tick(now) {
      for (const { card } of rows.values()) card.update(card.item, now);
    },

    /**
     * Say something for a moment, with a way to answer.
     *
     * @param {string} text
     * @param {string} [answer]
     * @param {() => void} [deed]
     */
    notice(text, answer, deed) {
      clearTimeout(fading);
      const done = () => {
        // Whoever stood on the button that goes away is taken back to the list.
        if (notice.matches(":focus-within")) focus(0);
        notice.hidden = true;
      };
      notice.replaceChildren(h("span", {}, text));
      if (answer) notice.append(button(answer, () => (done(), deed?.())));
      notice.hidden = false;
      fading = setTimeout(done, NOTICE);
    },

    /** Stop looking. */
    rest() {
      clearTimeout(fading);
      notice.hidden = true;
      stuck = false;
      sight.disconnect();
    },
  };
}
