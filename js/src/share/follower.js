/**
 * A tab that lives on what another tab, or the worker, hears.
 *
 * Cursors are opaque, so whether the leader stands before or behind this tab cannot be seen, only whether both
 * stand at the same place. Where they do not, what the leader tells is a hint: the tab reads the log from its
 * own cursor. What was told before the reading began and is not in the answer lies before the cursor; what is
 * in it is where the leader has come to, and from there on the two go together.
 */

import { Backoff } from "../backoff.js";
import { failureOf } from "../http.js";
import { takeStock } from "../transports/poll.js";
import { forged } from "../transports/attempt.js";
import { Watch } from "../watch.js";
import { sleep } from "../world.js";
import { ANSWER, LEASE } from "./words.js";

/**
 * @import {Member} from "./member.js"
 * @import {TidingsEvent} from "../transports/attempt.js"
 * @import {FromLeader, FromTab, Welcome} from "./words.js"
 */

const HELD = 500; // events waiting for a reading; more are forgotten, the reading finds them

export class Follower {
  id;
  #member;
  #say;
  #term = "";
  #together = false; // the leader's next event is ours
  #behind = false; // there may be something to read that no one will tell us of
  #greeted = false;
  #busy = false;
  #forged = false; // our cursor could not be read
  #refusals = 0;
  /** @type {TidingsEvent[]} */
  #held = [];
  #hello = {};
  #backoff;
  #watch;
  #cancel = () => {};
  #stopped = new AbortController();

  /**
   * @param {Member} member
   * @param {(message: FromTab) => void} say
   * @param {() => void} lost the leader does not answer
   */
  constructor(member, say, lost) {
    const { world } = member;
    this.id = `${world.now()}-${world.random()}`;
    this.#member = member;
    this.#say = say;
    this.#backoff = new Backoff(world.random);
    this.#watch = new Watch(world, lost, () => this.#join());
    this.#renew();
  }

  /** @param {boolean} [moved] */
  wake(moved) {
    this.#renew();
    this.#say({ t: "wake", moved });
  }

  stop() {
    this.#stopped.abort();
    this.#watch.stop();
    this.#cancel();
  }

  /** Say that we are here, and expect the leader to say the same. */
  #renew() {
    this.#cancel();
    this.#cancel = this.#member.world.after(LEASE, () => this.#renew());
    this.#watch.expect(ANSWER);
    this.#join();
  }

  #join() {
    const { key, cursor, shared } = this.#member;
    this.#say({ t: "join", from: this.id, key, cursor, options: shared });
  }

  /** @param {FromLeader} message */
  hear(message) {
    if (message.t === "event") this.#told(message.term, message.event);
    else if (message.t === "status" || (message.t === "welcome" && message.to === this.id)) {
      if (message.t === "welcome") this.#welcome(message);
      this.#member.status(message.status, message.transport);
    } else return; // on a channel everyone hears what the others tell the leader, and are told
    this.#watch.stop();
  }

  /** @param {Welcome} welcome */
  #welcome({ term, missed, hello, fresh, at, status }) {
    if (term === this.#term && !missed) return; // it only says that it lives
    this.#term = term;
    if (!hello) return; // it waits for its first hello, as we do
    this.#hello = hello.data;
    const { cursor } = this.#member;
    if (!this.#greeted && fresh && status === "open" && (cursor ?? at) === at) return this.#greet(hello);
    this.#together = cursor === at;
    this.#behind = !this.#together && cursor !== undefined;
    void this.#work();
  }

  /**
   * @param {string} term
   * @param {TidingsEvent} event
   */
  #told(term, event) {
    const { cursor } = this.#member;
    if (event.type === "hello") {
      this.#term = term;
      this.#hello = event.data;
      if ((cursor ?? event.id) === event.id) return this.#greet(event);
      this.#member.event({ id: cursor ?? "", type: "hello", data: { ...event.data, cursor } });
      this.#greeted = this.#behind = true;
      this.#together = false;
      return void this.#work();
    }
    if (!this.#greeted && !this.#busy) return; // not welcomed yet
    if (term !== this.#term) {
      this.#term = term;
      this.#together = false;
    }
    if (event.type === "reset") {
      this.#together = true;
      this.#behind = false;
      this.#held = [];
    }
    if (event.type === "reset" || !event.id || (this.#together && !this.#busy)) return this.#member.event(event);
    this.#held.push(event);
    if (this.#held.length > HELD) {
      this.#held = [];
      this.#together = false;
      this.#behind = true;
    }
    void this.#work();
  }

  /** The leader's hello is ours. @param {TidingsEvent} hello */
  #greet(hello) {
    this.#greeted = this.#together = true;
    this.#member.event(hello);
  }

  /** Greets, reads, delivers, until this tab has all there is. One at a time. */
  async #work() {
    if (this.#busy) return;
    this.#busy = true;
    const { signal } = this.#stopped;
    while (!signal.aborted && (!this.#greeted || this.#behind || this.#held.length)) {
      try {
        if (!this.#greeted) await this.#greetMyself(signal);
        else if (this.#together) this.#held.splice(0).forEach(this.#member.event);
        else await this.#read(signal);
      } catch (error) {
        this.#behind = true;
        if (!signal.aborted) await this.#recover(error);
      }
    }
    this.#busy = false;
  }

  /** @param {AbortSignal} signal */
  async #greetMyself(signal) {
    const { api, cursor, shared } = this.#member;
    const stock = await takeStock({ api, cursor, topics: shared.topics, signal });
    if (this.#greeted || signal.aborted) return; // by the leader, meanwhile
    this.#greeted = true;
    this.#refusals = 0;
    this.#member.event({ id: stock.cursor, type: "hello", data: { ...this.#hello, ...stock } });
    if (!this.#forged) return;
    this.#forged = false;
    this.#member.event(forged(stock.cursor));
  }

  /** @param {AbortSignal} signal */
  async #read(signal) {
    const { api, shared } = this.#member;
    const told = this.#held.splice(0);
    const read = new Set();
    this.#behind = false;
    let { cursor } = this.#member;
    for (let more = true; more; ) {
      const page = await api.page({ cursor, topic: shared.topics }, signal);
      if (signal.aborted || this.#together) return; // a reset came, and where we read is no longer
      for (const event of page.events) {
        read.add(event.id);
        this.#member.event(event);
      }
      ({ cursor, more } = page);
    }
    this.#member.cursor = cursor;
    this.#refusals = 0;
    this.#backoff.reset();
    this.#together = told.some(({ id }) => read.has(id));
  }

  /** @param {unknown} error */
  async #recover(error) {
    const { api, world } = this.#member;
    const failure = failureOf(error);
    if (failure.kind === "refused") api.forget();
    if (failure.kind === "wrong" || (failure.kind === "absent" && failure.code) || (failure.kind === "refused" && ++this.#refusals > 1)) {
      this.stop();
      return this.#member.over(failure);
    }
    if (failure.kind === "cursor") {
      this.#member.cursor = undefined;
      this.#greeted = false;
      this.#forged = true;
    }
    await sleep(world, failure.after + this.#backoff.next(), this.#stopped.signal);
  }
}
