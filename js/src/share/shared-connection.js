/** The connection in the worker, and the tabs that share it. */

import { HttpClient } from "../http.js";
import { Leader } from "./leader.js";
import { KEEPALIVE_INTERVAL } from "./messages.js";

/**
 * @import {TidingsError} from "../http.js"
 * @import {Env} from "../env.js"
 * @import {FromLeader, FromTab, SharedOptions} from "./messages.js"
 *
 * @typedef {Pick<MessagePort, "postMessage" | "onmessage">} Port
 */

const TAB_TIMEOUT = 9 * KEEPALIVE_INTERVAL; // ms; a hidden tab's timers fire once a minute, a closed tab's never
const TOKEN_TIMEOUT = 2500; // ms for a tab to answer before the next is asked too; it may be frozen

export class SharedConnection {
  /** Each tab with the time at which it counts as gone. @type {Map<Port, number>} */
  #tabs = new Map();
  /** Receives the answers to a token request. @type {(token: string) => void} */
  #onToken = () => {};
  #env;
  #lock;
  #onEnd;
  /** @type {Leader | undefined} */
  #leader;
  #cancelSweep = () => {};

  /**
   * @param {Env} env
   * @param {string | undefined} lock name of the lock that is held as long as the worker lives
   * @param {() => void} onEnd no tab is left, or the server refused
   */
  constructor(env, lock, onEnd) {
    this.#env = env;
    this.#lock = lock;
    this.#onEnd = onEnd;
    this.#scheduleSweep();
  }

  /**
   * @param {Port} port
   * @param {FromTab} message
   */
  receive(port, message) {
    if (message.t === "join") {
      const missed = !this.#tabs.has(port);
      this.#tabs.set(port, this.#env.now() + TAB_TIMEOUT); // first, for it may be asked for a token at once
      this.#leader ??= this.#open(message.options, message.cursor);
      port.postMessage(this.#leader.welcome({ to: message.from, missed, lock: this.#lock }));
    } else if (message.t === "wake") this.#leader?.wake(message.networkChanged);
    else if (message.t === "leave") this.#remove(port);
    else this.#onToken(message.token);
  }

  /** @param {SharedOptions} options @param {string} [cursor] of the first tab */
  #open({ hasToken, ...options }, cursor) {
    const getToken = hasToken ? () => this.#requestToken(http.droppedToken) : undefined;
    /** @type {HttpClient} */
    const http = new HttpClient({ ...options, getToken }, this.#env);
    const own = { event() {}, status() {}, log() {}, closed: (/** @type {TidingsError} */ failure) => this.#closed(failure) };
    return new Leader({ ...options, cursor }, http, this.#env, (message) => this.#broadcast(message), own);
  }

  /** @param {FromLeader} message */
  #broadcast(message) {
    for (const port of this.#tabs.keys()) port.postMessage(message);
  }

  /** @param {Port} port */
  #remove(port) {
    if (this.#tabs.delete(port) && !this.#tabs.size) this.#end();
  }

  #scheduleSweep() {
    this.#cancelSweep = this.#env.after(KEEPALIVE_INTERVAL, () => {
      this.#scheduleSweep();
      for (const [port, until] of this.#tabs) if (until < this.#env.now()) this.#remove(port);
    });
  }

  /** @param {TidingsError} failure */
  #closed({ kind, message, status, code }) {
    this.#broadcast({ t: "closed", failure: { kind, message, status, code } });
    this.#end();
  }

  #end() {
    this.#cancelSweep();
    this.#leader?.close();
    this.#onEnd();
  }

  /**
   * Asks the tabs for a token, the latest first: it is the least likely to be frozen. The first token counts.
   *
   * @param {string | undefined} dropped
   * @returns {Promise<string>}
   */
  #requestToken(dropped) {
    const ports = [...this.#tabs.keys()];
    return new Promise((resolve, reject) => {
      let cancel = () => {};
      const askNext = () => {
        cancel();
        const port = ports.pop();
        if (port) cancel = this.#env.after(TOKEN_TIMEOUT, askNext);
        port?.postMessage({ t: "token", dropped });
        return port;
      };
      this.#onToken = (token) => {
        if (token) cancel();
        if (token) resolve(token);
        else if (!askNext()) reject(new Error("no tab has a token"));
      };
      askNext();
    });
  }
}

/**
 * Attach a tab's port; its first message names the connection it wants.
 *
 * @param {Port} port
 * @param {Map<string, SharedConnection>} connections by key
 * @param {Env} env
 * @param {string} [lock]
 */
export function attachPort(port, connections, env, lock) {
  /** @type {SharedConnection | undefined} */
  let current;
  port.onmessage = ({ data }) => {
    const message = /** @type {FromTab} */ (data);
    if (message.t === "join") {
      const { key } = message;
      // A connection ends more than once: when it is refused, and when its tabs leave it. By then there may be another.
      const connection =
        connections.get(key) ?? new SharedConnection(env, lock, () => connections.get(key) === connection && connections.delete(key));
      current = connection;
      connections.set(key, connection);
    }
    current?.receive(port, message);
  };
}
