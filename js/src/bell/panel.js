/** The popover: tabs, the list, and the placeholder of an empty list. */

import { createCard } from "./card.js";
import { button, iconButton, setLabel, setText } from "./controls.js";
import { h, set } from "./dom.js";
import { BELL, icon } from "./icon.js";
import { PATHS } from "./icon-paths.js";

/** @import { Item, List } from "../inbox/model.js" */
/** @import { Snapshot } from "../inbox/store.js" */
/** @import { CardContext } from "./card.js" */

/**
 * The user's actions.
 *
 * @typedef {object} Actions
 * @property {(item: Item) => void} toggleRead
 * @property {(item: Item) => void} toggleArchived
 * @property {() => void} markAll
 * @property {(list: List) => Promise<void> | undefined} loadMore
 * @property {() => void} reload
 * @property {() => void} render render the current snapshot again
 * @property {() => number} now milliseconds since 1970, by the server's clock
 * @property {() => void} close
 */

/** @typedef {{element: HTMLElement, card: import("./card.js").Card, update(item: Item, now: number): void}} Row */

/** @typedef {ReturnType<typeof createPanel>} Panel */

const LISTS = /** @type {const} */ (["all", "unread", "archived"]);
/** The label of each list without rows. */
const EMPTY = { all: "empty", unread: "emptyUnread", archived: "emptyArchived" };
const NOTICE_TIME = 6000; // ms that a notice ("Archived. Undo") stays
const GAP = 8; // px between the bell and the panel, and between the panel and the edge of the window
const OVERSCAN = 400; // px above and below the visible part in which rows are in the page
const ROW_HEIGHT = 72; // px, until a row is measured
const ROW_GAP = 2; // px, as in the style sheet
const MIN_SPACE = 320; // px; with less space than that below the bell, the panel may open above it

/**
 * @param {CardContext} context
 * @param {Actions} actions
 * @returns {Row}
 */
function createRow(context, { toggleRead, toggleArchived }) {
  const card = createCard(context);
  const readButton = iconButton(() => toggleRead(card.item));
  const archiveButton = iconButton(() => toggleArchived(card.item));
  const buttons = h("span", { class: "actions", part: "actions" }, readButton, archiveButton);
  const element = h("li", { class: "row" }, card.avatars, card.link, buttons);
  return {
    element,
    card,
    update(item, now) {
      const unread = item.status === "UNREAD";
      set(element, "part", unread ? "item unread" : "item");
      set(element, "data-unread", unread);
      set(element, "data-priority", item.priority);
      const archived = item.status === "ARCHIVED";
      readButton.hidden = archived;
      const archiving = archived ? "unarchive" : "archive";
      setLabel(archiveButton, context.strings.text(archiving), PATHS[archiving]);
      setLabel(readButton, context.strings.text(unread ? "markRead" : "markUnread"), unread ? PATHS.check : PATHS.dot);
      card.update(item, now);
    },
  };
}

/**
 * @param {CardContext} context
 * @param {Actions} actions
 */
export function createPanel(context, actions) {
  const { text, badge } = context.strings;
  /** @type {List} */
  let list = "all";
  /** @type {readonly Item[]} of the list; only the rows near the visible part are in the page */
  let items = [];
  /** @type {Map<string, Row>} the rows in the page */
  const rows = new Map();
  /** @type {Map<string, number>} measured heights of rows, px */
  const heights = new Map();
  /** @type {Set<string>} ids that the unread list has shown: one that is read there stays until the list is left */
  let shownUnread = new Set();
  let hasOlder = false;
  let currentId = ""; // the row that Tab reaches: the list is one tab stop, arrows move within it
  let loadFailed = false; // the last older page failed
  let shownPlaceholder = "";
  /** @type {ReturnType<typeof setTimeout>} */
  let noticeTimer;
  let scrollFrame = 0;

  const count = h("span", { class: "count" });
  const tabs = LISTS.map((name) =>
    button(text(name), () => selectList(name), { class: "tab", role: "tab", id: name, part: "tab", "aria-controls": "list" }),
  );
  tabs[1]?.append(count);
  const markAll = button(text("markAll"), onMarkAll, { part: "mark-all" });
  const close = iconButton(actions.close, text("close"), PATHS.close);
  close.classList.add("close");
  const status = h("div", { class: "notice delayed", part: "status", role: "status" });
  const box = h("ul", { role: "list", part: "list" });
  const placeholder = h("div", { class: "placeholder", part: "empty" });
  const end = h("div", { class: "end" });
  const scroller = h("div", { class: "scroller", id: "list", role: "tabpanel", onkeydown: onListKey, onscroll: onScroll }, box, placeholder, end);
  const notice = h("div", { class: "notice", part: "notice", role: "status", hidden: true });
  const element = h(
    "div",
    { class: "panel", part: "panel", popover: "auto", role: "dialog", tabindex: -1, "aria-labelledby": "title", onkeydown: onPanelKey },
    h(
      "div",
      { class: "header", part: "header" },
      h("h2", { id: "title", part: "heading" }, text("title")),
      markAll,
      close,
      h("div", { role: "tablist", "aria-labelledby": "title", onkeydown: onTabKey }, ...tabs),
    ),
    status,
    scroller,
    notice,
    h("slot", { name: "footer" }),
  );
  const endObserver = new IntersectionObserver(([entry]) => entry?.isIntersecting && loadMore(), {
    root: scroller,
    rootMargin: "200px",
  });
  const spinner = () => h("span", { class: "spinner", role: "img", "aria-label": text("loading") });

  function onMarkAll() {
    if (markAll.ariaDisabled === "true") return;
    shownUnread = new Set();
    actions.markAll();
  }

  /** @param {List} name */
  function selectList(name) {
    list = name;
    loadFailed = false;
    shownUnread = new Set();
    scroller.scrollTop = 0;
    actions.render();
  }

  /**
   * The unread items, and those that were read since the list was opened: a row does not vanish at the click that reads it.
   *
   * @param {Pick<Snapshot, "items" | "unread">} lists
   */
  function withJustRead({ items, unread }) {
    for (const { id } of unread) shownUnread.add(id);
    const shown = items.filter(({ id, status }) => status !== "ARCHIVED" && shownUnread.has(id));
    return [...shown, ...unread.slice(shown.filter(({ status }) => status === "UNREAD").length)];
  }

  const heightOf = (/** @type {Item} */ { id }) => heights.get(id) ?? ROW_HEIGHT;

  /** The top of a row in the list, px. @param {number} index */
  const offsetOf = (index) => items.slice(0, index).reduce((sum, item) => sum + heightOf(item), 0);

  /** The first row in view and its distance from the top of the view; none at the top, where arrivals are to be seen. */
  function anchorRow() {
    const { scrollTop } = scroller;
    if (scrollTop < ROW_HEIGHT / 2) return;
    let offset = 0;
    for (const item of items) {
      offset += heightOf(item);
      if (offset > scrollTop && rows.has(item.id)) return { id: item.id, distance: offset - heightOf(item) - scrollTop };
    }
  }

  /** @param {ReturnType<typeof anchorRow>} anchor */
  function restore(anchor) {
    const index = anchor ? items.findIndex(({ id }) => id === anchor.id) : -1;
    if (anchor && index >= 0) scroller.scrollTop = offsetOf(index) - anchor.distance;
  }

  /** @param {readonly Item[]} next */
  function setItems(next) {
    const root = /** @type {ShadowRoot} */ (element.getRootNode());
    const focused = /** @type {HTMLElement | null} */ (root.activeElement);
    const focusedId = [...rows].find(([, row]) => row.element.contains(focused))?.[0];
    const focusedIndex = items.findIndex(({ id }) => id === focusedId);
    const anchor = anchorRow();
    items = next;
    renderRows(anchor, focusedId);
    if (focusedIndex < 0 || root.activeElement === focused) return;
    // The focused row moved or was removed: the focus stays with it, or goes to its neighbour.
    if (focused?.isConnected) focused.focus();
    else focusRow(focusedIndex);
  }

  /**
   * Put the rows near the visible part into the page, and padding in place of the others.
   *
   * @param {ReturnType<typeof anchorRow>} anchor
   * @param {string} [focusedId] a row that stays in the page wherever it is
   */
  function renderRows(anchor, focusedId = "") {
    pad();
    restore(anchor);
    const top = scroller.scrollTop - OVERSCAN;
    const bottom = scroller.scrollTop + scroller.clientHeight + OVERSCAN;
    let offset = 0;
    const wanted = items.filter((item) => {
      const start = offset;
      offset += heightOf(item);
      return (offset >= top && start <= bottom) || item.id === focusedId;
    });
    const ids = new Set(wanted.map(({ id }) => id));
    for (const [id, row] of rows) {
      if (ids.has(id)) continue;
      row.element.remove();
      rows.delete(id);
    }
    let next = box.firstElementChild;
    const now = actions.now();
    for (const item of wanted) {
      const row = rows.get(item.id) ?? createRow(context, actions);
      rows.set(item.id, row);
      row.update(item, now);
      if (row.element === next) next = next.nextElementSibling;
      else box.insertBefore(row.element, next);
    }
    let first = items.findIndex(({ id }) => ids.has(id));
    for (const { id } of wanted) {
      const row = /** @type {Row} */ (rows.get(id)).element;
      while (items[first]?.id !== id) first += 1;
      set(row, "aria-posinset", first + 1);
      set(row, "aria-setsize", hasOlder ? -1 : items.length);
    }
    const measured = wanted.map(({ id }) => /** @type {const} */ ([id, /** @type {Row} */ (rows.get(id)).element.offsetHeight + ROW_GAP]));
    for (const [id, height] of measured) heights.set(id, height);
    pad();
    restore(anchor);
    setTabStop(rows.has(currentId) ? currentId : (wanted[0]?.id ?? ""));
  }

  /** Set the padding in place of the rows that are not in the page. */
  function pad() {
    let [before, after] = [0, 0];
    let seen = false;
    for (const item of items) {
      if (rows.has(item.id)) seen = true;
      else if (seen) after += heightOf(item);
      else before += heightOf(item);
    }
    box.style.paddingBlock = `${before}px ${after}px`;
  }

  function onScroll() {
    cancelAnimationFrame(scrollFrame);
    scrollFrame = requestAnimationFrame(() => {
      const { activeElement } = /** @type {ShadowRoot} */ (element.getRootNode());
      renderRows(anchorRow(), [...rows].find(([, row]) => row.element.contains(activeElement))?.[0]);
    });
  }

  /** Roving tabindex. @param {string} id of the row that Tab reaches from now on */
  function setTabStop(id) {
    currentId = id;
    for (const [other, row] of rows) {
      for (const control of row.element.querySelectorAll("a, button")) set(control, "tabindex", other === id ? 0 : -1);
    }
  }

  /** @param {number} index */
  function focusRow(index) {
    index = Math.max(0, Math.min(index, items.length - 1));
    const item = items[index];
    if (!item) return element.focus();
    if (!rows.has(item.id)) {
      scroller.scrollTop = offsetOf(index) - scroller.clientHeight / 2;
      renderRows(undefined, item.id);
    }
    setTabStop(item.id);
    rows.get(item.id)?.card.link.focus();
  }

  /**
   * The content of a list without rows: "loading", "failed", the name of an empty list, or "" for none.
   *
   * @param {string} name
   */
  function renderPlaceholder(name) {
    placeholder.hidden = !name;
    if (name === shownPlaceholder) return;
    shownPlaceholder = name;
    if (name === "loading") placeholder.replaceChildren(spinner());
    else if (name === "failed") {
      placeholder.replaceChildren(h("p", { class: "strong" }, text(name)), button(text("retry"), actions.reload));
    } else if (name) {
      const title = text(EMPTY[list]);
      placeholder.replaceChildren(icon(BELL), h("p", { class: "strong" }, title));
      if (name !== "archived") placeholder.append(h("p", {}, text("emptyHint")));
    }
  }

  /** @param {boolean} hasMore whether there are older items to load */
  function renderEnd(hasMore) {
    endObserver.disconnect();
    end.hidden = !hasMore;
    end.replaceChildren(loadFailed ? button(text("retry"), () => loadMore(true)) : spinner());
    // Observing again reports at once whether the end is still visible: a short page requests the next one.
    if (hasMore && !loadFailed) endObserver.observe(end);
  }

  /** @param {boolean} [retry] */
  async function loadMore(retry = false) {
    if (loadFailed && !retry) return;
    loadFailed = false;
    try {
      await actions.loadMore(list);
    } catch {
      loadFailed = true;
      actions.render();
    }
  }

  /** Arrow keys between the tabs. @param {KeyboardEvent} event */
  function onTabKey(event) {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    event.preventDefault();
    const forward = (event.key === "ArrowRight") !== element.matches(":dir(rtl)");
    const index = (LISTS.indexOf(list) + (forward ? 1 : -1)) % LISTS.length;
    selectList(/** @type {List} */ (LISTS.at(index)));
    tabs.at(index)?.focus();
  }

  /** Arrow down enters the list, Escape closes the panel. @param {KeyboardEvent} event */
  function onPanelKey(event) {
    if (event.defaultPrevented || !["ArrowDown", "Escape"].includes(event.key)) return;
    event.preventDefault();
    if (event.key === "Escape") actions.close();
    else focusRow(0);
  }

  /** Arrows, Home, End and Delete in the list. @param {KeyboardEvent} event */
  function onListKey(event) {
    const [id, row] = [...rows].find(([, { element }]) => element.contains(/** @type {Node} */ (event.target))) ?? [];
    const index = items.findIndex((item) => item.id === id);
    const target = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: Infinity, Delete: index }[event.key];
    if (!row || target === undefined) return;
    event.preventDefault();
    if (event.key !== "Delete") focusRow(target);
    else if (row.card.item.status !== "ARCHIVED") actions.toggleArchived(row.card.item);
  }

  return {
    element,

    get open() {
      return element.matches(":popover-open");
    },

    /**
     * Position the panel below the bell, or above it where there is more space, aligned to the nearer edge of the window.
     *
     * @param {DOMRect} bell in pixels of the window
     * @param {number} [zoom] of the page's pixels, in which its styles are
     */
    position(bell, zoom = 1) {
      const { clientWidth, clientHeight } = document.documentElement;
      const lengths = [bell.top, bell.bottom, bell.left, bell.right, clientWidth, clientHeight].map((length) => length / zoom);
      const [top, bottom, left, right, width, height] = /** @type {[number, number, number, number, number, number]} */ (lengths);
      const above = height - bottom < MIN_SPACE && top > height - bottom;
      const alignRight = left + right > width;
      const side = `${Math.max(GAP, alignRight ? width - right : left)}px`;
      const inset = [
        above ? "auto" : `${bottom + GAP}px`,
        alignRight ? side : "auto",
        above ? `${height - top + GAP}px` : "auto",
        alignRight ? "auto" : side,
      ];
      element.style.setProperty("--position", inset.join(" "));
      element.style.setProperty("--max-height", `${(above ? top : height - bottom) - 2 * GAP}px`);
    },

    /** @param {Snapshot} snapshot */
    render({ phase, counters, connection, more, ...lists }) {
      tabs.forEach((tab, n) => {
        set(tab, "aria-selected", LISTS[n] === list);
        set(tab, "tabindex", LISTS[n] === list ? 0 : -1);
      });
      set(scroller, "aria-labelledby", list);
      setText(count, badge(counters.unread, counters.more));
      // Not `disabled`, which would take the focus away from a user who has just pressed it.
      set(markAll, "aria-disabled", !counters.unread);
      const offline = phase === "ready" && !["open", "connecting"].includes(connection);
      setText(status, offline ? text("reconnecting") : "");
      hasOlder = more[list];
      setItems(list === "all" ? lists.items : list === "unread" ? withJustRead(lists) : lists.archived);
      renderPlaceholder(items.length || more[list] ? "" : phase === "ready" ? list : phase);
      renderEnd(phase === "ready" && more[list]);
    },

    updateTimes() {
      const now = actions.now();
      for (const { card } of rows.values()) card.update(card.item, now);
    },

    /**
     * Show a message for a moment, with an optional button.
     *
     * @param {string} message
     * @param {string} [label] of the button
     * @param {() => void} [action]
     */
    notice(message, label, action) {
      clearTimeout(noticeTimer);
      const dismiss = () => {
        // A focus on the button that is removed goes back to the list.
        if (notice.matches(":focus-within")) focusRow(0);
        notice.hidden = true;
      };
      notice.replaceChildren(h("span", {}, message));
      if (label) notice.append(button(label, () => (dismiss(), action?.())));
      notice.hidden = false;
      noticeTimer = setTimeout(dismiss, NOTICE_TIME);
    },

    onClosed() {
      clearTimeout(noticeTimer);
      notice.hidden = true;
      loadFailed = false;
      shownUnread = new Set();
      endObserver.disconnect();
      cancelAnimationFrame(scrollFrame);
      scroller.scrollTop = 0;
      items = [];
      rows.clear();
      heights.clear();
      box.replaceChildren();
    },
  };
}
