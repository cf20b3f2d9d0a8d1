/** The tabs that share one connection in the worker, and that connection. */

import { Api } from "../http.js";
import { Leader } from "./leader.js";
import { LEASE } from "./words.js";

/**
 * @import {Failure} from "../http.js"
 * @import {World} from "../world.js"
 * @import {FromLeader, FromTab, Shared} from "./words.js"
 *
 * @typedef {Pick<MessagePort, "postMessage" | "onmessage">} Port
 */

const GONE = 9 * LEASE; // ms; a hidden tab's timers come once a minute, a dead tab's never
const ASK = 2500; // ms for a tab to answer before the next is asked too; it may be asleep

export class Group {
  /** Each with the time at which it counts as gone. @type {Map<Port, number>} */
  #members = new Map();
  /** What comes of the question for a token. @type {(token: string) => void} */
  #told = () => {};
  #world;
  #life;
  #ended;
  /** @type {Leader | undefined} */
  #leader;
  #cancel = () => {};

  /**
   * @param {World} world
   * @param {string | undefined} life the lock that is held as long as the worker lives
   * @param {() => void} ended no tab is left, or the server refused
   */
  constructor(world, life, ended) {
    this.#world = world;
    this.#life = life;
    this.#ended = ended;
    this.#sweep();
  }

  /**
   * @param {Port} port
   * @param {FromTab} message
   */
  hear(port, message) {
    if (message.t === "join") {
      const missed = !this.#members.has(port);
      this.#members.set(port, this.#world.now() + GONE); // first, for it may be asked for a token at once
      this.#leader ??= this.#lead(message.options, message.cursor);
      port.postMessage(this.#leader.welcome({ to: message.from, missed, life: this.#life }));
    } else if (message.t === "wake") this.#leader?.wake(message.moved);
    else if (message.t === "bye") this.#drop(port);
    else this.#told(message.token);
  }

  /** @param {Shared} options @param {string} [cursor] of the first tab */
  #lead({ hasToken, ...options }, cursor) {
    const api = new Api({ ...options, getToken: hasToken ? () => this.#token() : undefined }, this.#world);
    const own = { event() {}, status() {}, over: (/** @type {Failure | undefined} */ failure) => this.#over(failure) };
    return new Leader({ ...options, cursor }, api, this.#world, (message) => this.#tell(message), own);
  }

  /** @param {FromLeader} message */
  #tell(message) {
    for (const port of this.#members.keys()) port.postMessage(message);
  }

  /** @param {Port} port */
  #drop(port) {
    if (this.#members.delete(port) && !this.#members.size) this.#end();
  }

  #sweep() {
    this.#cancel = this.#world.after(LEASE, () => {
      this.#sweep();
      for (const [port, until] of this.#members) if (until < this.#world.now()) this.#drop(port);
    });
  }

  /** @param {Failure | undefined} failure */
  #over(failure) {
    const { kind, message, status, code } = failure ?? {};
    this.#tell({ t: "over", failure: kind && { kind, message: message ?? "", status, code } });
    this.#end();
  }

  #end() {
    this.#cancel();
    this.#leader?.close();
    this.#ended();
  }

  /** Asks the tabs, the one that came last first: it is the least likely to sleep. The first token counts. */
  #token() {
    const ports = [...this.#members.keys()];
    return new Promise((resolve, reject) => {
      let cancel = () => {};
      const ask = () => {
        cancel();
        const port = ports.pop();
        if (port) cancel = this.#world.after(ASK, ask);
        port?.postMessage({ t: "token" });
        return port;
      };
      this.#told = (token) => {
        if (token) cancel();
        if (token) resolve(token);
        else if (!ask()) reject(new Error("no tab has a token"));
      };
      ask();
    });
  }
}

/**
 * A tab has come: it says with its first word which connection it wants.
 *
 * @param {Port} port
 * @param {Map<string, Group>} groups
 * @param {World} world
 * @param {string} [life]
 */
export function admit(port, groups, world, life) {
  /** @type {Group | undefined} */
  let group;
  port.onmessage = ({ data }) => {
    const message = /** @type {FromTab} */ (data);
    if (message.t === "join") {
      const { key } = message;
      // A group ends more than once: when it is refused, and when its tabs leave it. By then there may be another.
      const one = groups.get(key) ?? new Group(world, life, () => groups.get(key) === one && groups.delete(key));
      group = one;
      groups.set(key, one);
    }
    group?.hear(port, message);
  };
}
