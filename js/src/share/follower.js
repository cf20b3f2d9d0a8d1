/**
 * A tab that is fed by the leader: another tab, or the worker.
 *
 * A leader at or before this tab's cursor is in sync: its events up to the cursor are dropped, the later ones are this
 * tab's next. A leader ahead, or in another epoch, sends hints: the tab reads the log from its own cursor. A hint that is
 * in the pages shows how far the leader has come, and from there on the two are in sync.
 */

import { Backoff } from "../backoff.js";
import { isAtOrBefore } from "../cursor.js";
import { sleep } from "../env.js";
import { HeartbeatMonitor } from "../heartbeat-monitor.js";
import { toTidingsError } from "../http.js";
import { invalidCursorReset } from "../transports/attempt.js";
import { fetchHello } from "../transports/poll.js";
import { KEEPALIVE_INTERVAL, LEADER_TIMEOUT } from "./messages.js";

/**
 * @import {Subscriber} from "./subscriber.js"
 * @import {TidingsEvent} from "../transports/attempt.js"
 * @import {FromLeader, FromTab, Welcome} from "./messages.js"
 */

const MAX_PENDING = 500; // events waiting for a read; beyond that they are dropped, for the read finds them

export class Follower {
  id;
  #subscriber;
  #send;
  #term = "";
  #inSync = false; // the leader's next event is the next event here
  #behind = false; // there may be events to read that the leader will not send
  #helloSent = false;
  #running = false;
  #cursorInvalid = false; // the server refused this tab's cursor
  #refusals = 0;
  /** @type {TidingsEvent[]} */
  #pending = [];
  #hello = {};
  #backoff;
  #monitor;
  #cancelRenewal = () => {};
  #stopped = new AbortController();

  /**
   * @param {Subscriber} subscriber
   * @param {(message: FromTab) => void} send
   * @param {() => void} onLost the leader does not answer
   */
  constructor(subscriber, send, onLost) {
    const { env } = subscriber;
    this.id = `${env.now()}-${env.random()}`;
    this.#subscriber = subscriber;
    this.#send = send;
    this.#backoff = new Backoff(env.random);
    this.#monitor = new HeartbeatMonitor(env, onLost, () => this.#join());
    this.#renew();
  }

  /** @param {boolean} [networkChanged] */
  wake(networkChanged) {
    this.#renew();
    this.#send({ t: "wake", networkChanged });
  }

  stop() {
    this.#stopped.abort();
    this.#monitor.stop();
    this.#cancelRenewal();
  }

  /** Announce this tab, and expect the leader to answer. */
  #renew() {
    this.#cancelRenewal();
    this.#cancelRenewal = this.#subscriber.env.after(KEEPALIVE_INTERVAL, () => this.#renew());
    this.#monitor.start(LEADER_TIMEOUT);
    this.#join();
  }

  #join() {
    const { key, cursor, shared } = this.#subscriber;
    this.#send({ t: "join", from: this.id, key, cursor, options: shared });
  }

  /** @param {FromLeader} message */
  receive(message) {
    if (message.t === "event") this.#onEvent(message.term, message.event);
    else if (message.t === "log") this.#subscriber.log(message.message, message.details);
    else if (message.t === "status" || (message.t === "welcome" && message.to === this.id)) {
      if (message.t === "welcome") this.#onWelcome(message);
      this.#subscriber.status(message.status, message.transport);
      if (message.provisional) return;
    } else return; // a channel also carries the messages between the leader and the other tabs
    this.#monitor.stop();
  }

  /** @param {Welcome} welcome */
  #onWelcome({ term, missed, hello, helloIsCurrent, at, status }) {
    if (term === this.#term && !missed) return; // a keep-alive answer
    this.#term = term;
    if (!hello) return; // the leader has no hello yet either
    this.#hello = hello.data;
    const { cursor } = this.#subscriber;
    if (!this.#helloSent && helloIsCurrent && status === "open" && (cursor ?? at) === at) return this.#adoptHello(hello);
    this.#inSync = cursor === at || isAtOrBefore(at, cursor);
    this.#behind = !this.#inSync && cursor !== undefined;
    void this.#run();
  }

  /**
   * @param {string} term
   * @param {TidingsEvent} event
   */
  #onEvent(term, event) {
    const { cursor } = this.#subscriber;
    if (event.type === "hello") {
      this.#term = term;
      this.#hello = event.data;
      if ((cursor ?? event.id) === event.id) return this.#adoptHello(event);
      this.#subscriber.event({ id: cursor ?? "", type: "hello", data: { ...event.data, cursor } });
      this.#helloSent = true;
      this.#inSync = isAtOrBefore(event.id, cursor);
      this.#behind = !this.#inSync;
      return void this.#run();
    }
    if (isAtOrBefore(event.id, cursor)) return; // the leader is behind this tab
    if (!this.#helloSent && !this.#running) return; // no welcome yet
    if (term !== this.#term) {
      this.#term = term;
      this.#inSync = false;
    }
    if (event.type === "reset") {
      this.#inSync = true;
      this.#behind = false;
      this.#pending = [];
    }
    if (event.type === "reset" || !event.id || (this.#inSync && !this.#running)) return this.#subscriber.event(event);
    this.#pending.push(event);
    if (this.#pending.length > MAX_PENDING) {
      this.#pending = [];
      this.#inSync = false;
      this.#behind = true;
    }
    void this.#run();
  }

  /** Deliver the leader's hello as this tab's own. @param {TidingsEvent} hello */
  #adoptHello(hello) {
    this.#helloSent = this.#inSync = true;
    this.#subscriber.event(hello);
  }

  /** Sends a hello, reads, delivers, until this tab has all there is. Runs once at a time. */
  async #run() {
    if (this.#running) return;
    this.#running = true;
    const { signal } = this.#stopped;
    while (!signal.aborted && (!this.#helloSent || this.#behind || this.#pending.length)) {
      try {
        if (!this.#helloSent) await this.#sendHello(signal);
        else if (this.#inSync) this.#pending.splice(0).forEach(this.#subscriber.event);
        else await this.#catchUp(signal);
      } catch (error) {
        this.#behind = true;
        if (!signal.aborted) await this.#recover(error);
      }
    }
    this.#running = false;
  }

  /** @param {AbortSignal} signal */
  async #sendHello(signal) {
    const { http, cursor, shared } = this.#subscriber;
    const hello = await fetchHello({ http, cursor, topics: shared.topics, signal });
    if (this.#helloSent || signal.aborted) return; // the leader's came meanwhile
    this.#helloSent = true;
    this.#refusals = 0;
    this.#subscriber.event({ id: hello.cursor, type: "hello", data: { ...this.#hello, ...hello } });
    if (!this.#cursorInvalid) return;
    this.#cursorInvalid = false;
    this.#subscriber.event(invalidCursorReset(hello.cursor));
  }

  /** Read the log from this tab's cursor. @param {AbortSignal} signal */
  async #catchUp(signal) {
    const { http, shared } = this.#subscriber;
    const hints = this.#pending.splice(0);
    const read = new Set();
    this.#behind = false;
    let { cursor } = this.#subscriber;
    for (let more = true; more; ) {
      const page = await http.poll({ cursor, topic: shared.topics }, signal);
      if (signal.aborted || this.#inSync) return; // a reset came, and this read is of the old log
      for (const event of page.events) {
        read.add(event.id);
        this.#subscriber.event(event);
      }
      ({ cursor, more } = page);
    }
    this.#subscriber.cursor = cursor;
    this.#refusals = 0;
    this.#backoff.reset();
    this.#inSync = hints.some(({ id }) => read.has(id));
  }

  /** @param {unknown} error */
  async #recover(error) {
    const { http, env } = this.#subscriber;
    const failure = toTidingsError(error);
    const { kind } = failure;
    if (kind === "refused") http.dropToken();
    if (kind === "invalid" || (kind === "unsupported" && failure.code) || (kind === "refused" && ++this.#refusals > 1)) {
      this.stop();
      return this.#subscriber.closed(failure);
    }
    if (kind === "invalid_cursor") {
      this.#subscriber.cursor = undefined;
      this.#helloSent = false;
      this.#cursorInvalid = true;
    }
    await sleep(env, this.#backoff.next(failure.retryAfter), this.#stopped.signal);
  }
}
