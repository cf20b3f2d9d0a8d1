/**
 * The Tidings stream: every event, live and without gaps.
 *
 *     for await (const { id, type, data } of connect({ user: "alice" })) { ... }
 *
 * Zero dependencies, no DOM.
 */

import { createLog, defaultEnv } from "./env.js";
import { HttpClient, userChanged } from "./http.js";
import { openShared, openUnshared } from "./share/open.js";
import { tabApis } from "./tab-apis.js";
import { advancesCursor } from "./transports/attempt.js";

export { TidingsError } from "./http.js";
export { defaultEnv };

/**
 * @import {TidingsError} from "./http.js"
 * @import {Status} from "./reconnecting-stream.js"
 * @import {Transport} from "./transport-fallback.js"
 * @import {TidingsEvent} from "./transports/attempt.js"
 * @import {Share} from "./share/open.js"
 * @import {Subscriber, Source} from "./share/subscriber.js"
 *
 * @typedef {import("./env.js").Debug} Debug
 * @typedef {import("./env.js").Env} Env
 *
 * @typedef {object} Options
 * @property {string} [url] the server's base; without it, the page's own origin
 * @property {string} [user] in development mode the caller; with a token or a cookie, whose stream it must be: the tabs of
 *   one user share a connection
 * @property {() => Promise<string> | string} [getToken] called when a token is needed, and again when it was refused
 * @property {string} [cursor] resume after this; without it, from now
 * @property {readonly string[]} [topics] further topics, beyond the user's own feed
 * @property {readonly Transport[]} [transports] preferred first
 * @property {Share} [share] how the tabs share one connection
 * @property {RequestCredentials} [credentials] as in `fetch`: "include" sends cookies to another origin
 * @property {Env} [env] replaces clock, randomness and network
 * @property {Debug} [debug] log connects, disconnects and reconnects with their reasons
 * @property {HttpClient} [http] shares its token cache with an inbox
 */

const MAX_SEEN = 2000; // ids remembered, to drop duplicates
const MAX_BUFFER = 10_000; // events buffered for one `for await`; a slower loop ends with an error
const PROTOCOL = 1; // tabs of different versions share a connection only with the same protocol
const DEFAULT_TRANSPORTS = /** @type {const} */ (["sse", "long-poll", "short-poll"]);
const RESERVED = ["event", "status", "error"]; // the client's own event names, which no event of the log may take

/**
 * Opens a stream.
 *
 * @param {Options} [options]
 * @throws {TypeError} for a `url` or `transports` that cannot be used
 */
export const connect = (options = {}) => new Connection(options);

/**
 * An `AsyncIterable` of events, and an `EventTarget`: `event` (every event), one named like each event's type,
 * `status`, and `error` when the server refused for good. `detail` is `{id, type, data}`, of `error` the error.
 */
export class Connection extends EventTarget {
  /** @type {Status} */
  status = "connecting";
  /** The transport in use. @type {Transport} */
  transport;
  /** After the last event: pass it to another `connect` to resume from there. @type {string | undefined} */
  cursor;
  /** Why it was closed, if not by `close()`. @type {Error | undefined} */
  error;
  /** @type {Set<string>} */
  #seen = new Set();
  #pageObserver = new AbortController();
  /** @type {Source | undefined} */
  #source;
  #generation = 0; // odd while running; callbacks of an earlier generation are ignored
  #shared;
  #options;
  #env;
  #http;
  #log;

  /** @param {Options} options */
  constructor(options) {
    super();
    const { user, cursor, topics = [], transports = DEFAULT_TRANSPORTS, credentials } = options;
    const invalid = transports.find((transport) => transport !== "ws" && !DEFAULT_TRANSPORTS.includes(transport));
    const preferred = transports[0];
    if (invalid || !preferred) throw new TypeError(`invalid transports: ${transports}`);
    this.cursor = cursor;
    this.transport = preferred;
    this.#options = options;
    this.#env = options.env ?? { ...defaultEnv(), ...tabApis() };
    this.#log = createLog(options.debug);
    this.#http = options.http ?? new HttpClient(options, this.#env);
    this.#shared = {
      url: this.#http.base,
      user,
      topics: [...topics].sort(),
      transports: [...transports],
      credentials,
      hasToken: this.#http.hasToken,
    };
    this.#observePage();
    void this.#start();
  }

  close() {
    if (this.status === "closed") return;
    this.#stop();
    this.#pageObserver.abort();
    this.#setStatus("closed");
  }

  /**
   * Every event from now on. Ends with `close()`; throws the error of a connection that was refused.
   *
   * @returns {AsyncGenerator<TidingsEvent, void, void>}
   */
  [Symbol.asyncIterator]() {
    /** @type {TidingsEvent[]} */
    const buffer = [];
    let overflow = false;
    let wake = () => {};
    const enqueue = (/** @type {Event} */ event) => {
      if (event instanceof CustomEvent) buffer.push(event.detail);
      if (buffer.length > MAX_BUFFER) {
        overflow = true;
        detach();
      }
      wake();
    };
    const detach = () => {
      this.removeEventListener("event", enqueue);
      this.removeEventListener("status", enqueue);
    };
    this.addEventListener("event", enqueue);
    this.addEventListener("status", enqueue);
    const connection = this;
    return (async function* () {
      try {
        for (;;) {
          for (let event; (event = buffer.shift()); ) yield event;
          if (overflow) throw new Error(`${MAX_BUFFER} events behind`);
          if (connection.error) throw connection.error;
          if (connection.status === "closed") return;
          await new Promise((resolve) => (wake = /** @type {() => void} */ (resolve)));
        }
      } finally {
        detach();
      }
    })();
  }

  async #start() {
    const generation = ++this.#generation;
    const { share = "auto" } = this.#options;
    const env = this.#env;
    const http = this.#http;
    const shared = this.#shared;
    const ifCurrent = (/** @type {() => void} */ run) => void (generation === this.#generation && run());
    const connection = this;
    const owner = share === "none" ? undefined : shared.user ?? (await tokenSubject(http));
    /** @type {Subscriber} */
    const subscriber = {
      get cursor() {
        return connection.cursor;
      },
      set cursor(cursor) {
        ifCurrent(() => (connection.cursor = cursor));
      },
      key: JSON.stringify([PROTOCOL, owner, shared]),
      shared,
      http,
      env,
      event: (event) => ifCurrent(() => this.#deliver(event)),
      status: (status, transport) => ifCurrent(() => this.#setStatus(status, transport)),
      closed: (failure) => ifCurrent(() => this.#fail(failure)),
      log: this.#log,
    };
    // Without a known owner a connection is not shared, or one user's tab could read another's.
    ifCurrent(() => (this.#source = owner === undefined ? openUnshared(subscriber) : openShared(subscriber, share)));
  }

  #stop() {
    this.#generation += 1;
    this.#source?.stop();
    this.#source = undefined;
  }

  /** Close everything on `pagehide`: an open connection would keep the page out of the back/forward cache. */
  #observePage() {
    const { window, document } = this.#env;
    const open = this.#pageObserver; // its `signal` is the option
    window?.addEventListener("online", () => this.#source?.wake(true), open);
    window?.addEventListener("pagehide", () => this.#suspend(), open);
    window?.addEventListener("pageshow", () => (this.#generation % 2 ? this.#source?.wake() : this.#start()), open);
    document?.addEventListener("visibilitychange", () => document.hidden || this.#source?.wake(), open);
  }

  #suspend() {
    this.#stop();
    this.#setStatus("reconnecting");
  }

  /** @param {TidingsEvent} event */
  #deliver(event) {
    const { id, type } = event;
    if (type === "hello" && !this.#http.identify(event.data.user)) return this.#fail(userChanged());
    if (type === "reset") this.#seen.clear();
    else if (id && type !== "hello") {
      if (this.#seen.has(id)) return;
      this.#seen.add(id);
      if (this.#seen.size > MAX_SEEN) this.#seen.delete(/** @type {string} */ (this.#seen.values().next().value));
    }
    if (advancesCursor(event, this.cursor)) this.cursor = id;
    this.dispatchEvent(new CustomEvent("event", { detail: event }));
    if (!RESERVED.includes(type)) this.dispatchEvent(new CustomEvent(type, { detail: event }));
  }

  /** @param {TidingsError} failure */
  #fail(failure) {
    this.error = failure;
    this.#log("closed", { error: failure });
    this.close();
    this.dispatchEvent(new CustomEvent("error", { detail: failure }));
  }

  /**
   * @param {Status} status
   * @param {Transport} [transport]
   */
  #setStatus(status, transport = this.transport) {
    if (status === "connecting" && this.status !== status) status = "reconnecting"; // a new leader makes its first attempt
    if (this.status === status && this.transport === transport) return;
    this.status = status;
    this.transport = transport;
    this.dispatchEvent(new Event("status"));
  }
}

/**
 * The owner of the token: the `sub` of a JSON Web Token (RFC 7519), unverified, as a sharing key only.
 *
 * @param {HttpClient} http
 * @returns {Promise<string | undefined>}
 */
async function tokenSubject(http) {
  try {
    const token = await http.token();
    const claims = /** @type {string} */ (token?.split(".")[1]);
    return JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/"))).sub;
  } catch {
    return undefined;
  }
}
