/**
 * The inbox as a store: it loads the first page, streams from exactly there, and keeps one snapshot.
 *
 * The user's acts show at once. Each lies over the confirmed state until the server has answered:
 * then it becomes part of it, or it is taken away again and the promise rejects.
 */

import { replaceCounters } from "./counters.js";
import { Backoff } from "../backoff.js";
import { seqOf } from "../cursor.js";
import { createLog, defaultEnv } from "../env.js";
import { HttpClient } from "../http.js";
import { createCall } from "./call.js";
import { isListed } from "./model.js";
import { extend, fromPage, hasMore, listed } from "./pages.js";
import { apply, expire, reduce } from "./reduce.js";

/** @import { Debug, Env } from "../env.js" */
/** @import { ClientOptions, TidingsError } from "../http.js" */
/** @import { Counters, InboxEvent, Item, List, State } from "./model.js" */

/**
 * A stream as the inbox needs it: events in order, and a status.
 *
 * @typedef {AsyncIterable<InboxEvent> & EventTarget & {status: string, close(): void}} Connection
 */

/** @typedef {(state: State) => InboxEvent} Action the event that the server will send, given the state before it */

/**
 * @typedef {object} Snapshot
 * @property {"loading" | "ready" | "failed"} phase of the first page
 * @property {readonly Item[]} items newest first, without archived ones
 * @property {readonly Item[]} unread the unread ones, which may reach further back than `items`
 * @property {readonly Item[]} archived the archived ones; none before `loadMore("archived")`
 * @property {Counters} counters
 * @property {readonly string[] | null} mutes null while unknown
 * @property {Record<List, boolean>} more whether there are older ones to load
 * @property {boolean} busy a page is being loaded
 * @property {string} connection "connecting", "open", "reconnecting" or "closed"
 * @property {string} cursor every event up to here is in this snapshot
 * @property {TidingsError | null} error why loading failed
 */

/**
 * @typedef {object} Options
 * @property {number} [limit] items a page
 * @property {(options: any) => Connection} connect opens the stream; receives these options and `cursor`
 * @property {Debug} [debug] log the inbox's loads and the stream's connects and disconnects, with reasons
 * @property {Env} [env] replaces clock, randomness and network
 */

/** @typedef {ClientOptions & Options & Record<string, unknown>} StoreOptions */

/** @typedef {ReturnType<typeof openStore>} Inbox */

/** @type {(error: any) => error is TidingsError} */
const isUserChanged = (error) => error.code === "user_changed";

const EMPTY = fromPage({ data: [], next: null, cursor: "", counters: { unread: 0, unseen: 0, by_type: {}, more: false, cursor: "" } });
const MAX_LATENCY = 2_000; // ms
const MAX_SPREAD = 1_000; // ms, at most: a retraction reaches many inboxes at once, and each fetches its counters

/**
 * @param {StoreOptions} options
 * @throws {TypeError} for a `url` that cannot be used
 */
export function openStore(options) {
  const { limit = 20, connect, env = defaultEnv() } = options;
  const http = new HttpClient(options, env);
  const request = createCall(http, env);
  const backoff = new Backoff(env.random);
  const log = createLog(options.debug);
  /** @type {State | null} the confirmed state */
  let state = null;
  /** @type {Action[]} actions of the user that the server has not answered yet */
  let pendingActions = [];
  /** @type {Connection | null} */
  let connection = null;
  /** @type {Set<InboxEvent[]>} for each page being loaded, the events received since its request */
  const pendingPages = new Set();
  /** @type {Promise<void> | null} */
  let loading = null;
  /** @type {TidingsError | null} */
  let error = null;
  let busy = false;
  let clockOffset = 0; // ms that the server's clock is ahead of this one
  let session = 0; // of one user; a response of an earlier one is ignored
  let closed = false;
  /** @type {Record<string, () => void>} cancels the timer of each purpose */
  const timers = {};
  /** @type {Set<() => void>} */
  const subscribers = new Set();
  /** @type {Set<(event: InboxEvent) => void>} */
  const listeners = new Set();
  /** @type {Snapshot | null} null after a change, until it is asked for */
  let snapshot = null;

  /** A call; its answer that the credential is now another user's ends what is shown. @type {typeof request} */
  async function call(...args) {
    const { user } = http;
    try {
      return await request(...args);
    } catch (error) {
      if (isUserChanged(error) && http.user === user) onUserChanged(error);
      throw error;
    }
  }

  /** Milliseconds since 1970, by the server's clock where it is known. */
  const serverNow = () => env.now() + clockOffset;
  const now = () => new Date(serverNow()).toISOString();

  /**
   * @param {string} name
   * @param {number} delay
   * @param {() => void} action
   */
  function schedule(name, delay, action) {
    cancel(name);
    if (closed) return;
    timers[name] = env.after(delay, () => {
      delete timers[name];
      action();
    });
  }

  /** @param {string} name */
  function cancel(name) {
    timers[name]?.();
    delete timers[name];
  }

  /** The current snapshot: the same object until something changes. */
  function getSnapshot() {
    if (!snapshot) scheduleExpiry();
    return (snapshot ??= makeSnapshot());
  }

  /** @returns {Snapshot} */
  function makeSnapshot() {
    const shown = state ? pendingActions.reduce((state, action) => apply(state, action(state), now()), state) : EMPTY;
    const { counters, mutes, cursor } = shown;
    const more = (/** @type {List} */ list) => !!state && hasMore(shown, list);
    return {
      phase: state ? "ready" : error ? "failed" : "loading",
      items: listed(shown, "all"),
      unread: listed(shown, "unread"),
      archived: listed(shown, "archived"),
      counters,
      mutes,
      more: { all: more("all"), unread: more("unread"), archived: more("archived") },
      busy,
      connection: connection?.status ?? "connecting",
      cursor,
      error,
    };
  }

  function publish() {
    if (closed) return;
    snapshot = null;
    if (state?.isExact === false && !timers["counters"]) schedule("counters", MAX_SPREAD * env.random(), fetchCounters);
    for (const subscriber of [...subscribers]) subscriber();
  }

  function scheduleExpiry() {
    const expiries = (state?.items ?? []).flatMap((item) =>
      item.expire_time && isListed(item) ? Date.parse(item.expire_time) : [],
    );
    cancel("expiry");
    if (!expiries.length) return;
    schedule("expiry", expiries.reduce((first, expiry) => Math.min(first, expiry)) - serverNow(), () => {
      if (state) state = expire(state, now());
      publish();
    });
  }

  async function fetchCounters() {
    const current = session;
    const counters = await call("GET", "/v1/inbox/counters").catch(() => null);
    if (!state || !counters || session !== current) return;
    state = replaceCounters(state, counters);
    publish();
  }

  /**
   * A page, and the events received while it was being loaded.
   *
   * @param {Record<string, string | null | undefined>} params
   */
  async function fetchPage(params) {
    /** @type {InboxEvent[]} */
    const received = [];
    pendingPages.add(received);
    try {
      return { page: await call("GET", "/v1/inbox", { params: { limit, ...params } }), received };
    } finally {
      pendingPages.delete(received);
    }
  }

  async function load() {
    cancel("retry");
    if (error) {
      error = null;
      publish();
    }
    const current = session;
    try {
      const { page, received } = await fetchPage({});
      if (session !== current) return;
      state = fromPage(page);
      for (const event of received) state = reduce(state, event, now());
      if (state.reload) schedule("retry", 0, reload);
      if (!connection || connection.status === "closed") openStream(page.cursor);
      publish();
    } catch (reason) {
      if (session === current) fail(reason);
    }
  }

  /** Forget the user's inbox; load the next user's, unless the inbox was opened for this one. @param {TidingsError} reason */
  function onUserChanged(reason) {
    log("user changed", { user: http.user });
    session += 1;
    state = null;
    pendingActions = [];
    connection?.close();
    if (options.user !== undefined) {
      error = reason;
      cancel("retry");
    } else {
      http.user = undefined;
      loading = null;
      reload();
    }
    publish();
  }

  /** @param {unknown} reason */
  function fail(reason) {
    if (isUserChanged(reason)) return onUserChanged(reason);
    error = /** @type {TidingsError} */ (reason);
    const delay = backoff.next(error.retryAfter, error.kind === "network" && !env.document?.hidden);
    log("inbox failed", { error, delay });
    schedule("retry", delay, reload);
    publish();
  }

  /** @param {string} cursor */
  async function openStream(cursor) {
    if (closed) return;
    const stream = (connection = connect({ ...options, cursor, http }));
    stream.addEventListener("status", publish);
    try {
      for await (const event of stream) {
        if (closed || stream !== connection) return;
        receive(event);
      }
    } catch (reason) {
      // Refused, or the page was too slow for its stream: start again from a first page.
      stream.close();
      if (stream === connection) fail(reason);
    }
  }

  /** @param {InboxEvent} event */
  function receive(event) {
    for (const received of pendingPages) received.push(event);
    backoff.reset();
    const { clock_offset } = event.data ?? {};
    // The event's travel time is no difference of the clocks.
    if (clock_offset !== undefined) clockOffset = Math.abs(clock_offset) > MAX_LATENCY ? clock_offset : 0;
    if (!state) return;
    state = expire(reduce(state, event, now()), now());
    // One change may bring an item back to many users at once: spread their requests, as with counters.
    if (state.reload === "changed") timers["reload"] ?? schedule("reload", MAX_SPREAD * env.random(), reload);
    else if (state.reload) reload();
    publish();
    for (const listener of [...listeners]) listener(event);
  }

  /** Load the first page again, and open the stream if it is closed. Retries by itself after a failure. */
  function reload() {
    const running = (loading ??= load());
    running.finally(() => loading === running && (loading = null));
    return running;
  }

  /**
   * Apply an action optimistically, and confirm it or take it back.
   *
   * @param {Action} action
   * @param {() => Promise<{counters?: Counters, cursor?: string, mutes?: string[]} | undefined>} send
   */
  async function optimistically(action, send) {
    const current = session;
    pendingActions = [...pendingActions, action];
    publish();
    try {
      const response = await send();
      if (session !== current) return;
      // Where the stream is further ahead, it has delivered this action and everything after it.
      if (state && !(seqOf(response?.cursor ?? "?") <= seqOf(state.cursor))) {
        const { type, data } = action(state);
        const { mutes = data.mutes, counters } = response ?? {};
        state = apply(state, { type, data: { ...data, mutes, counters } }, now());
      }
    } finally {
      pendingActions = pendingActions.filter((other) => other !== action);
      publish();
    }
  }

  /**
   * @param {"read" | "unread" | "seen" | "archive" | "unarchive"} verb
   * @param {{ids: string[]} | {up_to: string}} target
   */
  function mark(verb, target) {
    const type = `inbox.${verb}${verb.endsWith("archive") ? "d" : ""}`;
    const action = { type, data: { ...target, at: seqOf(getSnapshot().cursor) } };
    return optimistically(() => action, () => call("POST", `/v1/inbox/${verb}`, { body: target }));
  }

  /**
   * @param {"PUT" | "DELETE"} method
   * @param {string} mute
   */
  function updateMute(method, mute) {
    const change = (/** @type {readonly string[]} */ mutes) =>
      mutes.filter((other) => other !== mute).concat(method === "PUT" ? mute : []);
    return optimistically(
      (state) => ({ type: "preferences.updated", data: { mutes: change(state.mutes ?? []) } }),
      () => call(method, `/v1/preferences/mutes/${encodeURIComponent(mute)}`),
    );
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
     * Call `listener` with each event of the stream, after it was applied.
     *
     * @param {(event: InboxEvent) => void} listener
     * @returns {() => void} stops it
     */
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    getSnapshot,

    now: serverNow,

    reload,

    /**
     * Load the next older page.
     *
     * @param {List} [list]
     * @throws {TidingsError}
     */
    async loadMore(list = "all") {
      if (busy || !state || !hasMore(state, list)) return;
      const edge = state.edges[list];
      busy = true;
      publish();
      try {
        const { page, received } = await fetchPage({ status: list === "all" ? null : list, after: edge.next });
        // After a reload meanwhile, or a mark that belongs into this page, it would leave a gap.
        if (state?.edges[list] === edge) state = extend(state, page, list, received, now());
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
     * Mark read all that the user was shown: what arrives meanwhile stays unread.
     *
     * @param {string} [upTo] the `cursor` of the snapshot on the screen; by default of the current one
     */
    async markAllRead(upTo = getSnapshot().cursor) {
      if (upTo) await mark("read", { up_to: upTo });
    },

    /** @param {string} [upTo] as for `markAllRead` */
    async markSeen(upTo = getSnapshot().cursor) {
      if (getSnapshot().counters.unseen) await mark("seen", { up_to: upTo });
    },

    /** @param {...string} mutes `type:like`, `topic:author/42`, `entity:post/9` */
    mute: (...mutes) => Promise.all(mutes.map((mute) => updateMute("PUT", mute))),

    /** @param {...string} mutes */
    unmute: (...mutes) => Promise.all(mutes.map((mute) => updateMute("DELETE", mute))),

    /** Close the stream and cancel all timers. */
    close() {
      closed = true;
      connection?.close();
      Object.keys(timers).forEach(cancel);
    },
  };

  reload();
  return inbox;
}
