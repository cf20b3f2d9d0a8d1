/**
 * One connection to the server that reconnects: it waits, resumes from its cursor, and changes the transport where the
 * first one does not pass.
 */

import { Backoff } from "./backoff.js";
import { sleep } from "./env.js";
import { HeartbeatMonitor } from "./heartbeat-monitor.js";
import { RESPONSE_TIMEOUT, TidingsError, clampDelay, toTidingsError, userChanged } from "./http.js";
import { TransportFallback } from "./transport-fallback.js";
import { DEFAULT_HEARTBEAT, advancesCursor, invalidCursorReset } from "./transports/attempt.js";
import { longPoll, shortPoll } from "./transports/poll.js";
import { sse } from "./transports/sse.js";

/**
 * @import {FailureKind, HttpClient} from "./http.js"
 * @import {Transport} from "./transport-fallback.js"
 * @import {Attempt, TidingsEvent} from "./transports/attempt.js"
 * @import {Env} from "./env.js"
 *
 * @typedef {"connecting" | "open" | "reconnecting" | "closed"} Status
 *
 * @typedef {object} Listener
 * @property {(event: TidingsEvent) => void} event
 * @property {(status: Status, transport: Transport) => void} status
 * @property {(failure: TidingsError) => void} closed the server refused for good
 * @property {(message: string, details: object) => void} log
 *
 * @typedef {object} StreamOptions
 * @property {string} [cursor]
 * @property {string[]} topics
 * @property {Transport[]} transports
 */

/** Fetched only by pages that ask for it. */
const loadWs = () => import("./transports/ws.js");

/** @type {Record<Transport, (attempt: Attempt) => Promise<void>>} */
const TRANSPORTS = {
  sse,
  async ws(attempt) {
    const { ws } = await loadWs().catch((error) => {
      throw new TidingsError("blocked", String(error));
    });
    return ws(attempt);
  },
  "long-poll": longPoll,
  "short-poll": shortPoll,
};

/** @typedef {Pick<Attempt, "emit" | "activity" | "expectActivity" | "retry" | "cursorMoved">} Callbacks */

/** @type {Callbacks} */
const NO_CALLBACKS = { emit() {}, activity() {}, expectActivity() {}, retry() {}, cursorMoved() {} };

const HELLO_TIMEOUT = 3000; // ms; a `hello` that takes longer is held back by a proxy
const STABLE_AFTER = 15_000; // ms after `hello`; an attempt that ends before this did not work
const STABLE_AFTER_EXPIRY = 5000; // ms after `hello`, for a stream that ends with its token
const MISSED_HEARTBEATS = 2.5; // heartbeats without activity before the server counts as gone
const DIAGNOSE_EVERY = 3; // every third stream without a response is diagnosed by a plain request

export class ReconnectingStream {
  /** @type {Status} */
  status = "connecting";
  /** @type {string | undefined} */
  cursor;
  /** The last `hello`. @type {TidingsEvent | undefined} */
  hello;
  /** Whether no event came after that `hello`, so that its counters are still exact. */
  helloIsCurrent = false;
  #topics;
  #http;
  #env;
  #listener;
  #fallback;
  #backoff;
  #closed = false;
  #failures = 0; // consecutive, of any kind
  #refusals = 0; // of a token, without a hello between them
  #unsupported = 0; // consecutive transports that the server does not offer
  #ignoreExpiring = false; // tokens are so short-lived that leaving before their end would mean leaving all the time
  #transportCount;
  #cursorInvalid = false; // the server refused the cursor: a reset of the client's own follows the next hello
  #current = new AbortController(); // of the running attempt, or of the wait for the next
  #monitor;
  /** Ends the wait, if it may be ended. @type {(force?: boolean) => void} */
  #endWait = () => {};

  /**
   * @param {StreamOptions} options
   * @param {HttpClient} http
   * @param {Env} env
   * @param {Listener} listener
   */
  constructor({ cursor, topics, transports }, http, env, listener) {
    this.cursor = cursor;
    this.#topics = topics;
    this.#http = http;
    this.#env = env;
    this.#listener = listener;
    this.#transportCount = transports.length;
    this.#fallback = new TransportFallback(transports);
    this.#backoff = new Backoff(env.random);
    this.#monitor = new HeartbeatMonitor(env, () => this.#end("timeout"));
    if (transports.includes("ws")) loadWs().catch(() => {}); // while the server has this version
    void this.#run();
  }

  get transport() {
    return this.#fallback.transport;
  }

  /**
   * Check the connection now: the page is visible again.
   *
   * @param {boolean} [networkChanged] a transport that did not pass before may pass now
   */
  wake(networkChanged) {
    if (networkChanged && this.#fallback.probeAt < Infinity) this.#restorePreferred();
    this.#monitor.check();
    this.#endWait();
  }

  close() {
    this.#closed = true;
    this.status = "closed";
    this.#end("ended");
  }

  /** End the running attempt or wait. @param {FailureKind} kind @param {{after?: number}} [options] */
  #end(kind, { after } = {}) {
    this.#current.abort(new TidingsError(kind, undefined, { retryAfter: after }));
    this.#endWait(kind !== "preferred");
  }

  /** @param {Status} status */
  #setStatus(status) {
    this.status = status;
    this.#listener.status(status, this.transport);
  }

  async #run() {
    while (!this.#closed) {
      const { failure, opened, stable } = await this.#attempt();
      if (this.#closed) return;
      const { kind, retryAfter, status, code, message } = failure;
      if (stable) {
        this.#failures = 0;
        this.#backoff.reset();
      } else this.#failures++;
      if (kind === "refused") this.#refusals++;
      if (kind === "expiring" && !stable) this.#ignoreExpiring = true;
      if (kind === "refused" || kind === "expiring") this.#http.dropToken();
      // A proxy's page, which has no code, may stand in for a server that was there before.
      this.#unsupported = kind === "unsupported" && (code || !this.hello) ? this.#unsupported + 1 : 0;
      if (
        kind === "invalid" ||
        this.#refusals > 1 ||
        this.#unsupported === this.#transportCount ||
        (kind === "invalid_cursor" && !this.cursor)
      ) {
        this.close();
        return this.#listener.closed(failure);
      }
      if (kind === "invalid_cursor") {
        this.cursor = undefined;
        this.#cursorInvalid = true;
      }
      const { transport } = this;
      const nextTransport = this.#fallback.ended(kind, { opened, stable }, this.#env.now());
      this.#listener.log("disconnected", { transport, next: this.transport, reason: kind, message, status, code });
      if (nextTransport || kind === "invalid_cursor" || kind === "refused" || kind === "preferred") continue;
      this.#current = new AbortController();
      this.#setStatus("reconnecting");
      const delay = this.#backoff.next(retryAfter, kind === "network" && !this.#env.document?.hidden);
      this.#listener.log("reconnecting", { delay });
      await this.#wait(delay, retryAfter);
    }
  }

  /** One attempt on the current transport. */
  async #attempt() {
    const current = (this.#current = new AbortController());
    let openedAt = Infinity;
    let failure = await this.#try(this.transport, current.signal, {
      emit: (event) => {
        if (event.type === "hello") {
          openedAt = this.#env.now();
          this.#monitor.start((event.data?.heartbeat || DEFAULT_HEARTBEAT) * 1000 * MISSED_HEARTBEATS);
          void this.#probePreferred(current.signal);
        }
        this.#emit(event);
      },
      activity: () => {
        if (openedAt < Infinity) this.#monitor.activity();
      },
      expectActivity: (milliseconds) => this.#monitor.start(milliseconds),
      retry: (milliseconds) => {
        this.#backoff.retry = clampDelay(milliseconds);
      },
      cursorMoved: (cursor) => {
        this.cursor = cursor;
      },
    });
    const endedAt = failure.kind === "timeout" ? this.#monitor.lastActivity : this.#env.now();
    const opened = openedAt < Infinity;
    this.#monitor.stop();
    current.abort();
    const noResponse = failure.kind === "network" && !opened && this.transport === "sse";
    if (failure.kind === "handshake" || (noResponse && this.#failures % DIAGNOSE_EVERY === DIAGNOSE_EVERY - 1)) {
      failure = await this.#diagnose();
    }
    return { failure, opened, stable: endedAt >= openedAt + (failure.kind === "expiring" ? STABLE_AFTER_EXPIRY : STABLE_AFTER) };
  }

  /**
   * @param {Transport} transport
   * @param {AbortSignal} signal
   * @param {Partial<Callbacks>} callbacks not called once the signal is aborted
   * @returns {Promise<TidingsError>} how it ended; never rejects
   */
  async #try(transport, signal, callbacks) {
    const stream = this;
    /** @type {any} */
    const attempt = {
      http: this.#http,
      env: this.#env,
      topics: this.#topics,
      signal,
      get cursor() {
        return stream.cursor;
      },
      pauseFor(/** @type {number} */ milliseconds) {
        signal.throwIfAborted();
        return stream.#wait(milliseconds, 0);
      },
    };
    for (const [name, callback] of Object.entries({ ...NO_CALLBACKS, ...callbacks })) {
      attempt[name] = (/** @type {any} */ argument) => signal.aborted || /** @type {any} */ (callback)(argument);
    }
    try {
      // Not everything in an attempt can be aborted: a getToken that never resolves, for one.
      const aborted = new Promise((_, reject) => signal.addEventListener("abort", reject));
      const run = async () => {
        await this.#http.token();
        attempt.expectActivity(HELLO_TIMEOUT); // from here on: the time for a token is not the server's
        await TRANSPORTS[transport](attempt);
      };
      await Promise.race([run(), aborted]);
      return new TidingsError("ended");
    } catch (error) {
      return toTidingsError(signal.aborted ? signal.reason : error);
    }
  }

  /** @param {{id?: string | null, type: string, data: any}} event */
  #emit({ id, type, data }) {
    if (type === "hello" && !this.#http.identify(data.user)) return this.#current.abort(userChanged());
    // Computed on arrival: a tab that joins later is given this hello, too.
    if (type === "hello" && data.time) data = { ...data, clock_offset: Date.parse(data.time) - this.#env.now() };
    const event = { id: id || (type === "reset" && data.cursor) || "", type, data };
    if (event.id) this.helloIsCurrent = false;
    if (advancesCursor(event, this.cursor)) this.cursor = event.id;
    if (type === "hello") {
      this.hello = event;
      this.helloIsCurrent = true;
      this.#refusals = 0;
      this.#setStatus("open");
      this.#listener.log("connected", { transport: this.transport, cursor: id, connection: data.connection });
    }
    this.#listener.event(event);
    if (type === "goaway" || (type === "expiring" && !this.#ignoreExpiring)) {
      this.#end(data.reason === "token_expired" ? "expiring" : type, { after: data.retry });
    }
    if (type === "hello" && this.#cursorInvalid) {
      this.#cursorInvalid = false;
      this.#emit(invalidCursorReset(event.id));
    }
  }

  /** Find out by a plain request why a stream failed. */
  async #diagnose() {
    const current = (this.#current = new AbortController());
    const cancel = this.#env.after(RESPONSE_TIMEOUT, () => current.abort());
    try {
      await this.#http.poll({ cursor: this.cursor, topic: this.#topics, limit: 1 }, current.signal);
      return new TidingsError("blocked"); // plain requests pass, streams do not
    } catch (error) {
      return toTidingsError(error);
    } finally {
      cancel();
    }
  }

  /**
   * Try the preferred transport at intervals, and return to it once a `hello` comes.
   *
   * @param {AbortSignal} signal of the attempt that runs meanwhile on another transport
   */
  async #probePreferred(signal) {
    while (this.#fallback.probeAt < Infinity) {
      await sleep(this.#env, this.#fallback.probeAt - this.#env.now(), signal);
      const probe = new AbortController();
      const end = () => probe.abort();
      let open = false;
      signal.addEventListener("abort", end);
      const cancel = this.#env.after(HELLO_TIMEOUT, end);
      if (!signal.aborted) {
        await this.#try(this.#fallback.preferred, probe.signal, {
          emit({ type }) {
            if (type !== "hello") return;
            open = true;
            end();
          },
        });
      }
      cancel();
      end();
      if (signal.aborted) return;
      if (open) return this.#restorePreferred();
      this.#fallback.scheduleProbe(this.#env.now());
    }
  }

  #restorePreferred() {
    this.#fallback.returnToPreferred();
    this.#end("preferred");
  }

  /**
   * @param {number} milliseconds
   * @param {number} required the part of them that waking up does not cut short: the server asked for it
   */
  async #wait(milliseconds, required) {
    const until = this.#env.now() + required;
    if (this.#closed) return;
    await new Promise((resolve) => {
      const cancel = this.#env.after(milliseconds, () => resolve(0));
      this.#endWait = (force) => {
        if (force || this.#env.now() >= until) resolve(cancel());
      };
    });
  }
}
