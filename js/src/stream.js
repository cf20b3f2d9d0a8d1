/**
 * Tidings, the stream: what happens, as it happens, without holes.
 *
 *     for await (const { id, type, data } of connect({ user: "alice" })) { ... }
 *
 * Zero dependencies, no DOM.
 */

import { Api } from "./http.js";
import { alone, choose } from "./share/choose.js";
import { realTabs } from "./tabs.js";
import { moves } from "./transports/attempt.js";
import { realWorld } from "./world.js";

export { realWorld };

/**
 * @import {Failure} from "./http.js"
 * @import {Status} from "./link.js"
 * @import {Transport} from "./ladder.js"
 * @import {TidingsEvent} from "./transports/attempt.js"
 * @import {Share} from "./share/choose.js"
 * @import {Member, Source} from "./share/member.js"
 *
 * @typedef {import("./world.js").World} World
 *
 * @typedef {object} Options
 * @property {string} [url] the server's base; without it, the page's own origin
 * @property {string} [user] in development mode who I am; with a token or a cookie, whose connection this is: tabs of
 *   one user share one
 * @property {() => Promise<string> | string} [getToken] called when a token is needed, and again when it is refused
 * @property {string} [cursor] go on after this; without it, from now
 * @property {readonly string[]} [topics] further topics, beyond my own feed
 * @property {readonly Transport[]} [transports] ways to receive, preferred first
 * @property {Share} [share] one connection for all tabs, and how
 * @property {RequestCredentials} [credentials] as in `fetch`: "include" sends cookies to another origin
 * @property {World} [world] stands in for clock, chance and network
 */

const SEEN = 2000; // ids remembered, to drop what comes twice
const BUFFER = 10_000; // events waiting for one loop; a loop that slow is ended, aloud
const PROTOCOL = 1; // tabs of different versions share only if they speak the same
const LADDER = /** @type {const} */ (["sse", "long-poll", "short-poll"]);
const OWN = ["event", "status", "error"]; // names of ours, which no event of the log may take

/**
 * Opens a stream.
 *
 * @param {Options} [options]
 * @throws {TypeError} when `url` or `transports` are none
 */
export const connect = (options = {}) => new Connection(options);

/**
 * An `AsyncIterable` of events, and an `EventTarget`: `event` (every one), one named like each event's type,
 * `status`, and `error` when it was closed for good by a refusal. Of events `detail` is `{id, type, data}`, of
 * `error` it is the error.
 */
export class Connection extends EventTarget {
  /** @type {Status} */
  status = "connecting";
  /** How events come now. @type {Transport} */
  transport;
  /** After the last event: hand it to another `connect` to go on from there. @type {string | undefined} */
  cursor;
  /** Why it was closed, if not by `close()`. @type {Error | undefined} */
  error;
  /** @type {Set<string>} */
  #seen = new Set();
  #page = new AbortController();
  /** @type {Source | undefined} */
  #source;
  #turn = 0; // odd while it runs; what one turn began says nothing in another
  #shared;
  #options;
  #world;

  /** @param {Options} options */
  constructor(options) {
    super();
    const { url, user, getToken, cursor, topics = [], transports = LADDER, credentials } = options;
    const base = new URL(url || "/", globalThis.location?.href).href.replace(/\/$/, "");
    const unknown = transports.find((one) => one !== "ws" && !LADDER.includes(one));
    const first = transports[0];
    if (unknown || !first) throw new TypeError(`not a list of transports: ${transports}`);
    this.cursor = cursor;
    this.transport = first;
    this.#options = options;
    this.#world = options.world ?? { ...realWorld(), ...realTabs() };
    this.#shared = {
      url: base,
      user,
      topics: [...topics].sort(),
      transports: [...transports],
      credentials,
      hasToken: Boolean(getToken),
    };
    this.#heedPage();
    void this.#start();
  }

  close() {
    if (this.status === "closed") return;
    this.#stop();
    this.#page.abort();
    this.#change("closed");
  }

  /**
   * Every event from now on. Ends with `close()`; throws if the connection was refused.
   *
   * @returns {AsyncGenerator<TidingsEvent, void, void>}
   */
  [Symbol.asyncIterator]() {
    /** @type {TidingsEvent[]} */
    const waiting = [];
    let late = false;
    let wake = () => {};
    const hear = (/** @type {Event} */ event) => {
      if (event instanceof CustomEvent) waiting.push(event.detail);
      if (waiting.length > BUFFER) {
        late = true;
        leave();
      }
      wake();
    };
    const leave = () => {
      this.removeEventListener("event", hear);
      this.removeEventListener("status", hear);
    };
    this.addEventListener("event", hear);
    this.addEventListener("status", hear);
    const connection = this;
    return (async function* () {
      try {
        for (;;) {
          for (let event; (event = waiting.shift()); ) yield event;
          if (late) throw new Error(`${BUFFER} events behind`);
          if (connection.error) throw connection.error;
          if (connection.status === "closed") return;
          await new Promise((resolve) => (wake = /** @type {() => void} */ (resolve)));
        }
      } finally {
        leave();
      }
    })();
  }

  async #start() {
    const turn = ++this.#turn;
    const { share = "auto", getToken } = this.#options;
    const world = this.#world;
    const shared = this.#shared;
    const api = new Api({ ...shared, getToken }, world);
    const mine = (/** @type {() => void} */ act) => void (turn === this.#turn && act());
    const connection = this;
    const whose = share === "none" ? undefined : shared.user ?? (await subject(api));
    /** @type {Member} */
    const member = {
      get cursor() {
        return connection.cursor;
      },
      set cursor(cursor) {
        mine(() => (connection.cursor = cursor));
      },
      key: JSON.stringify([PROTOCOL, whose, shared]),
      shared,
      getToken,
      api,
      world,
      event: (event) => mine(() => this.#deliver(event)),
      status: (status, transport) => mine(() => this.#change(status, transport)),
      over: (failure) => mine(() => this.#fail(failure)),
    };
    // Whose connection it is must be known before it is shared, or one user's tab could read another's.
    mine(() => (this.#source = whose === undefined ? alone(member) : choose(member, share)));
  }

  #stop() {
    this.#turn += 1;
    this.#source?.stop();
    this.#source = undefined;
  }

  /** A page that is put away lets go of everything, or the browser could not keep it for the way back. */
  #heedPage() {
    const { window, document } = this.#world;
    const open = { signal: this.#page.signal };
    window?.addEventListener("online", () => this.#source?.wake(true), open);
    window?.addEventListener("pagehide", () => this.#suspend(), open);
    window?.addEventListener("pageshow", () => (this.#turn % 2 ? this.#source?.wake() : this.#start()), open);
    document?.addEventListener("visibilitychange", () => document.hidden || this.#source?.wake(), open);
  }

  #suspend() {
    this.#stop();
    this.#change("reconnecting");
  }

  /** @param {TidingsEvent} event */
  #deliver(event) {
    const { id, type } = event;
    if (type === "reset") this.#seen.clear();
    else if (id && type !== "hello") {
      if (this.#seen.has(id)) return;
      this.#seen.add(id);
      if (this.#seen.size > SEEN) this.#seen.delete(/** @type {string} */ (this.#seen.values().next().value));
    }
    if (moves(event, this.cursor)) this.cursor = id;
    this.dispatchEvent(new CustomEvent("event", { detail: event }));
    if (!OWN.includes(type)) this.dispatchEvent(new CustomEvent(type, { detail: event }));
  }

  /** @param {Failure | undefined} failure */
  #fail(failure) {
    this.error = failure;
    this.close();
    if (failure) this.dispatchEvent(new CustomEvent("error", { detail: failure }));
  }

  /**
   * @param {Status} status
   * @param {Transport} [transport]
   */
  #change(status, transport = this.transport) {
    if (status === "connecting" && this.status !== status) status = "reconnecting"; // a new leader is at its first try
    if (this.status === status && this.transport === transport) return;
    this.status = status;
    this.transport = transport;
    this.dispatchEvent(new Event("status"));
  }
}

/**
 * Whose token it is: the `sub` of a JSON Web Token (RFC 7519). It is not verified here, only told apart.
 *
 * @param {Api} api
 * @returns {Promise<string | undefined>}
 */
async function subject(api) {
  try {
    const token = await api.token();
    const claims = /** @type {string} */ (token?.split(".")[1]);
    return JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/"))).sub;
  } catch {
    return undefined;
  }
}
