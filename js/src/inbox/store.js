/**
 * The inbox as a store: it loads the first page, streams from exactly there, and keeps one snapshot.
 *
 * What the user does shows at once. Each act lies over the confirmed state until the server has answered:
 * then it becomes part of it, or it is taken away again and the promise rejects.
 */

import { takeCounters } from "./count.js";
import { openHttp } from "./http.js";
import { place, present } from "./model.js";
import { extend, fromPage, hasMore, listed } from "./pages.js";
import { apply, expire, reduce } from "./reduce.js";

/** @import { Way } from "./http.js" */
/** @import { Counters, InboxEvent, Item, State } from "./model.js" */

/**
 * A stream as the inbox needs it: events in order, and where it stands.
 *
 * @typedef {AsyncIterable<InboxEvent> & EventTarget & {status: string, close(): void}} Connection
 */

/** @typedef {"all" | "unread"} List */

/**
 * @typedef {object} Snapshot
 * @property {"loading" | "ready" | "failed"} phase of the first page
 * @property {readonly Item[]} items newest first, archived ones left out
 * @property {readonly Item[]} unread the unread ones, which may reach further down than `items`
 * @property {Counters} counters
 * @property {readonly string[] | null} mutes what is muted; null while that is not known
 * @property {Record<List, boolean>} more are there older ones to load?
 * @property {boolean} busy a page is on its way
 * @property {string} connection "connecting", "open", "reconnecting" or "closed"
 * @property {string} cursor everything up to here is in this picture
 * @property {Error | null} error why loading failed
 */

/**
 * @typedef {object} Options
 * @property {number} [limit] items a page
 * @property {(options: any) => Connection} connect opens the stream; gets these options and `cursor`
 * @property {() => Date} [clock]
 */

/** @typedef {Way & Options & Record<string, unknown>} StoreOptions */

/** @typedef {ReturnType<typeof openStore>} Inbox */

const NOTHING = { unread: 0, unseen: 0, by_type: {}, more: false, cursor: "" };
const FIRST = 1_000; // ms, at most, before a page that failed is asked for again
const LONGEST = 30_000; // ms, what that grows to
const UNSURE = 1_000; // ms, at most: a retraction reaches many inboxes at once, and each asks for its counters
const FAR = 2 ** 31 - 1; // ms: the longest timer there is

/** @param {StoreOptions} options */
export function openStore(options) {
  const { limit = 20, connect, clock = () => new Date() } = options;
  const call = openHttp(options);
  /** @type {State | null} what the server has confirmed */
  let base = null;
  /** @type {InboxEvent[]} acts of the user that the server has not answered yet */
  let acts = [];
  /** @type {Connection | null} */
  let connection = null;
  /** @type {Set<InboxEvent[]>} for each page on its way, what the stream told since it was asked for */
  const waiting = new Set();
  /** @type {Promise<void> | null} */
  let loading = null;
  /** @type {Error | null} */
  let error = null;
  let busy = false;
  let closed = false;
  let pause = FIRST;
  /** @type {Record<string, ReturnType<typeof setTimeout>>} one timer per purpose */
  const timers = {};
  /** @type {Set<() => void>} */
  const subscribers = new Set();
  /** @type {Set<(event: InboxEvent) => void>} */
  const listeners = new Set();
  let snapshot = picture();

  const now = () => clock().toISOString();

  /**
   * @param {string} name
   * @param {number} delay
   * @param {() => void} action
   */
  function later(name, delay, action) {
    clearTimeout(timers[name]);
    if (closed) return;
    timers[name] = setTimeout(() => {
      delete timers[name];
      action();
    }, delay);
  }

  /** @returns {Snapshot} */
  function picture() {
    const view = base && acts.reduce((state, act) => apply(state, act, now()), base);
    return {
      phase: view ? "ready" : error ? "failed" : "loading",
      items: view ? listed(view, "all") : [],
      unread: view ? listed(view, "unread") : [],
      counters: view?.counters ?? NOTHING,
      mutes: view?.mutes ?? null,
      more: { all: !!view && hasMore(view, "all"), unread: !!view && hasMore(view, "unread") },
      busy,
      connection: connection?.status ?? "connecting",
      cursor: view?.cursor ?? "",
      error,
    };
  }

  function publish() {
    if (closed) return;
    snapshot = picture();
    awaitExpiry();
    if (base?.sure === false && !timers["counters"]) later("counters", UNSURE * Math.random(), recount);
    for (const subscriber of [...subscribers]) subscriber();
  }

  function awaitExpiry() {
    const ends = (base?.items ?? []).flatMap((item) =>
      item.expire_time && present(item) ? Date.parse(item.expire_time) : [],
    );
    clearTimeout(timers["expiry"]);
    if (!ends.length) return;
    later("expiry", Math.min(FAR, ...ends.map((end) => end - +clock())), () => {
      if (base) base = expire(base, now());
      publish();
    });
  }

  async function recount() {
    const counters = await call("GET", "/v1/inbox/counters").catch(() => null);
    if (!base || !counters) return;
    base = takeCounters(base, counters);
    publish();
  }

  /**
   * A page, and what the stream told while it was on its way.
   *
   * @param {Record<string, string | null | undefined>} query
   */
  async function ask(query) {
    /** @type {InboxEvent[]} */
    const missed = [];
    waiting.add(missed);
    try {
      return { page: await call("GET", "/v1/inbox", { query: { limit: String(limit), ...query } }), missed };
    } finally {
      waiting.delete(missed);
    }
  }

  async function load() {
    clearTimeout(timers["retry"]);
    if (error) {
      error = null;
      publish();
    }
    try {
      const { page, missed } = await ask({});
      base = fromPage(page);
      for (const event of missed) base = reduce(base, event, now());
      if (base.reload) later("retry", 0, reload);
      if (!connection || connection.status === "closed") follow(page.cursor);
      publish();
    } catch (reason) {
      fail(reason);
    }
  }

  /** @param {unknown} reason */
  function fail(reason) {
    error = /** @type {Error} */ (reason);
    later("retry", pause * (0.5 + Math.random() / 2), reload);
    pause = Math.min(pause * 2, LONGEST);
    publish();
  }

  /** @param {string} cursor */
  async function follow(cursor) {
    if (closed) return;
    const stream = (connection = connect({ ...options, cursor }));
    stream.addEventListener("status", publish);
    try {
      for await (const event of stream) {
        if (closed) return;
        receive(event);
      }
    } catch (reason) {
      // Refused, or this page was too slow for its stream: begin again, from a page.
      stream.close();
      fail(reason);
    }
  }

  /** @param {InboxEvent} event */
  function receive(event) {
    for (const missed of waiting) missed.push(event);
    pause = FIRST;
    if (!base) return;
    base = reduce(base, event, now());
    // What one change brings back it brings back to many at once: as with their counters, they ask one by one.
    if (base.reload === "changed") timers["reload"] ?? later("reload", UNSURE * Math.random(), reload);
    else if (base.reload) reload();
    publish();
    for (const listener of [...listeners]) listener(event);
  }

  /** Load the first page anew, and open the stream if it is closed. Tries again by itself when it fails. */
  function reload() {
    loading ??= load().finally(() => (loading = null));
    return loading;
  }

  /**
   * Show an act at once, and make it true or take it back.
   *
   * @param {InboxEvent} act
   * @param {() => Promise<{counters?: Counters, cursor?: string} | undefined>} say
   */
  async function doing(act, say) {
    acts = [...acts, act];
    publish();
    try {
      const answer = await say();
      const said = { ...act, data: { ...act.data, counters: answer?.counters } };
      // Where the stream has come further, it has told of this act and of what others did after it.
      if (base && !(place(answer?.cursor ?? "?") <= place(base.cursor))) base = apply(base, said, now());
    } finally {
      acts = acts.filter((other) => other !== act);
      publish();
    }
  }

  /**
   * @param {"read" | "unread" | "seen" | "archive" | "unarchive"} verb
   * @param {{ids: string[]} | {up_to: string}} what
   */
  function mark(verb, what) {
    const type = `inbox.${verb}${verb.endsWith("archive") ? "d" : ""}`;
    const act = { type, data: { ...what, at: place(snapshot.cursor) } };
    return doing(act, () => call("POST", `/v1/inbox/${verb}`, { body: what }));
  }

  /** @param {(mutes: readonly string[]) => string[]} change */
  async function prefer(change) {
    const { mutes } = await call("GET", "/v1/preferences");
    const body = { mutes: change(mutes) };
    if (base) base = { ...base, mutes: base.mutes ?? mutes };
    return doing({ type: "preferences.updated", data: body }, () => call("PUT", "/v1/preferences", { body }));
  }

  const inbox = {
    /**
     * Call `subscriber` after every change of the snapshot.
     *
     * @param {() => void} subscriber
     * @returns {() => void} stops it
     */
    subscribe(subscriber) {
      subscribers.add(subscriber);
      return () => subscribers.delete(subscriber);
    },

    /**
     * Call `listener` with each event of the stream, after it has taken effect.
     *
     * @param {(event: InboxEvent) => void} listener
     * @returns {() => void} stops it
     */
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    /** The picture now: the same object until something changes. */
    getSnapshot: () => snapshot,

    reload,

    /**
     * Load the next older page.
     *
     * @param {List} [list]
     * @throws {import("./http.js").InboxError}
     */
    async loadMore(list = "all") {
      if (busy || !base || !hasMore(base, list)) return;
      const after = base.edges[list].next;
      busy = true;
      publish();
      try {
        const { page, missed } = await ask({ status: list === "unread" ? list : null, after });
        // A reload meanwhile has begun the list anew: below its end, this page would leave a hole.
        if (base.edges[list].next === after) base = extend(base, page, list, missed, now());
      } finally {
        busy = false;
        publish();
      }
    },

    /** @param {string[]} ids */
    markRead: (ids) => mark("read", { ids }),

    /** @param {string[]} ids */
    unread: (ids) => mark("unread", { ids }),

    /** @param {string[]} ids */
    archive: (ids) => mark("archive", { ids }),

    /** @param {string[]} ids */
    unarchive: (ids) => mark("unarchive", { ids }),

    /**
     * Read, all that the user has been shown: what arrives meanwhile stays unread.
     *
     * @param {string} [upTo] the `cursor` of the snapshot on the screen; that of the present one if left out
     */
    async markAllRead(upTo = snapshot.cursor) {
      if (upTo) await mark("read", { up_to: upTo });
    },

    /** @param {string} [upTo] as for `markAllRead` */
    async markSeen(upTo = snapshot.cursor) {
      if (snapshot.counters.unseen) await mark("seen", { up_to: upTo });
    },

    /** @param {...string} mutes `type:like`, `topic:author/42`, `entity:post/9` */
    mute: (...mutes) => prefer((old) => [...new Set([...old, ...mutes])]),

    /** @param {...string} mutes */
    unmute: (...mutes) => prefer((old) => old.filter((mute) => !mutes.includes(mute))),

    /** Stop streaming and forget all timers. */
    close() {
      closed = true;
      connection?.close();
      for (const timer of Object.values(timers)) clearTimeout(timer);
    },
  };

  reload();
  return inbox;
}
