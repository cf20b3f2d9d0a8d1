/**
 * One connection to the server that does not give up: it falls, waits, goes on from its cursor, and takes
 * another way where the first does not pass.
 */

import { Backoff } from "./backoff.js";
import { ANSWER, Failure, bounded, failureOf } from "./http.js";
import { Ladder } from "./ladder.js";
import { HEARTBEAT, forged, moves } from "./transports/attempt.js";
import { longPoll, shortPoll } from "./transports/poll.js";
import { sse } from "./transports/sse.js";
import { ws } from "./transports/ws.js";
import { Watch } from "./watch.js";
import { sleep } from "./world.js";

/**
 * @import {Api, Kind} from "./http.js"
 * @import {Transport} from "./ladder.js"
 * @import {Attempt, TidingsEvent} from "./transports/attempt.js"
 * @import {World} from "./world.js"
 *
 * @typedef {"connecting" | "open" | "reconnecting" | "closed"} Status
 *
 * @typedef {object} Listener whom a link serves
 * @property {(event: TidingsEvent) => void} event
 * @property {(status: Status, transport: Transport) => void} status
 * @property {(failure: Failure | undefined) => void} over it ended for good: refused, wrong, or (undefined) sent away
 *
 * @typedef {object} LinkOptions
 * @property {string} [cursor]
 * @property {string[]} topics
 * @property {Transport[]} transports
 */

/** @type {Record<Transport, (attempt: Attempt) => Promise<void>>} */
const WAYS = { sse, ws, "long-poll": longPoll, "short-poll": shortPoll };

const HOOKS = /** @type {const} */ (["emit", "heard", "expect", "retry", "moved"]);

/** @typedef {Partial<Pick<Attempt, typeof HOOKS[number]>>} Hooks */

const HELLO_WAIT = 3000; // ms; a `hello` that takes longer is held back by something on the way
const EARLY = 15_000; // ms after `hello`; what dies before is not a connection that works
const TERM = 5000; // ms after `hello`; a stream that ends with its token has lived when it lasted this long
const BEATS = 2.5; // heartbeats missed before the server counts as gone
const ASK = 3; // every third stream that is not even answered asks over plain HTTP what is wrong
const SHORTEST = 100; // ms; a `retry:` below this is taken as this

export class Link {
  /** @type {Status} */
  status = "connecting";
  /** @type {string | undefined} */
  cursor;
  /** The last `hello`. @type {TidingsEvent | undefined} */
  hello;
  /** Whether nothing came after that `hello`, so that it still tells the truth. */
  fresh = false;
  #topics;
  #api;
  #world;
  #to;
  #ladder;
  #backoff;
  #closed = false;
  #failures = 0; // in a row, of any kind
  #refusals = 0; // of a token, without a hello between them
  #absent = 0; // ways in a row that are not here
  #stays = false; // its tokens are so short that to leave before their end is to be always leaving
  #ways;
  #forged = false; // the cursor could not be read: after the next hello comes a reset of our own
  #life = new AbortController(); // of what goes on now: a try, or the wait for the next
  #watch;
  /** Ends the waiting, if it may be ended. @type {(surely?: boolean) => void} */
  #wake = () => {};

  /**
   * @param {LinkOptions} options
   * @param {Api} api
   * @param {World} world
   * @param {Listener} to
   */
  constructor({ cursor, topics, transports }, api, world, to) {
    this.cursor = cursor;
    this.#topics = topics;
    this.#api = api;
    this.#world = world;
    this.#to = to;
    this.#ways = transports.length;
    this.#ladder = new Ladder(transports);
    this.#backoff = new Backoff(world.random);
    this.#watch = new Watch(world, () => this.#end("silent"));
    void this.#run();
  }

  get transport() {
    return this.#ladder.transport;
  }

  /**
   * The page is seen again: look at once whether all is well.
   *
   * @param {boolean} [moved] the network changed: what did not pass before may pass now
   */
  wake(moved) {
    if (moved && this.#ladder.climbAt < Infinity) this.#climb();
    this.#watch.check();
    this.#wake();
  }

  close() {
    this.#closed = true;
    this.status = "closed";
    this.#end("stop");
  }

  /** What goes on now. @param {Kind} kind @param {{after?: number}} [more] */
  #end(kind, more) {
    this.#life.abort(new Failure(kind, undefined, more));
    this.#wake(kind !== "climb");
  }

  /** @param {Status} status */
  #set(status) {
    this.status = status;
    this.#to.status(status, this.transport);
  }

  async #run() {
    while (!this.#closed) {
      const { failure, greeted, lived } = await this.#once();
      if (this.#closed) return;
      const { kind, after, code } = failure;
      if (lived) {
        this.#failures = 0;
        this.#backoff.reset();
      } else this.#failures++;
      if (kind === "refused") this.#refusals++;
      if (kind === "expiring" && !lived) this.#stays = true;
      if (kind === "refused" || kind === "expiring") this.#api.forget();
      // A proxy's page, which has no code, may stand in for a server that was there before.
      this.#absent = kind === "absent" && (code || !this.hello) ? this.#absent + 1 : 0;
      if (
        kind === "wrong" ||
        kind === "stop" ||
        this.#refusals > 1 ||
        this.#absent === this.#ways ||
        (kind === "cursor" && !this.cursor)
      ) {
        this.close();
        return this.#to.over(kind === "stop" ? undefined : failure);
      }
      if (kind === "cursor") {
        this.cursor = undefined;
        this.#forged = true;
      }
      const another = this.#ladder.fell(kind, { greeted, lived }, this.#world.now());
      if (another || kind === "cursor" || kind === "refused" || kind === "climb") continue;
      this.#life = new AbortController();
      this.#set("reconnecting");
      await this.#wait(after + this.#backoff.next(), after);
    }
  }

  /** One try, from its first byte to its end. */
  async #once() {
    const life = (this.#life = new AbortController());
    let greetedAt = Infinity;
    let failure = await this.#try(this.transport, life.signal, {
      emit: (event) => {
        if (event.type === "hello") {
          greetedAt = this.#world.now();
          this.#watch.expect((event.data?.heartbeat || HEARTBEAT) * 1000 * BEATS);
          void this.#lookUp(life.signal);
        }
        this.#emit(event);
      },
      heard: () => {
        if (greetedAt < Infinity) this.#watch.heard();
      },
      expect: (milliseconds) => this.#watch.expect(milliseconds),
      retry: (milliseconds) => {
        this.#backoff.base = Math.max(bounded(milliseconds), SHORTEST);
      },
      moved: (cursor) => {
        this.cursor = cursor;
      },
    });
    const end = failure.kind === "silent" ? this.#watch.heardAt : this.#world.now();
    const greeted = greetedAt < Infinity;
    this.#watch.stop();
    life.abort();
    const mute = failure.kind === "network" && !greeted && this.transport === "sse";
    if (failure.kind === "hidden" || (mute && this.#failures % ASK === ASK - 1)) failure = await this.#ask();
    return { failure, greeted, lived: end >= greetedAt + (failure.kind === "expiring" ? TERM : EARLY) };
  }

  /**
   * @param {Transport} way
   * @param {AbortSignal} signal
   * @param {Hooks} hooks told nothing once the signal is aborted
   * @returns {Promise<Failure>} how it ended; it always does
   */
  async #try(way, signal, hooks) {
    const link = this;
    /** @type {any} */
    const attempt = {
      api: this.#api,
      world: this.#world,
      topics: this.#topics,
      signal,
      get cursor() {
        return link.cursor;
      },
      pause(/** @type {number} */ milliseconds) {
        signal.throwIfAborted();
        return link.#wait(milliseconds, 0);
      },
    };
    for (const name of HOOKS) {
      attempt[name] = (/** @type {any} */ what) => signal.aborted || /** @type {any} */ (hooks)[name]?.(what);
    }
    try {
      // Not everything a try waits for can be aborted: a getToken that never answers, for one.
      const aborted = new Promise((_, reject) => signal.addEventListener("abort", reject));
      const go = async () => {
        await this.#api.token();
        attempt.expect(HELLO_WAIT); // from here on: the time that a token takes is not the server's
        await WAYS[way](attempt);
      };
      await Promise.race([go(), aborted]);
      return new Failure("ended");
    } catch (error) {
      return failureOf(signal.aborted ? signal.reason : error);
    }
  }

  /** @param {{id?: string | null, type: string, data: any}} event */
  #emit({ id, type, data }) {
    const event = { id: id || (type === "reset" && data.cursor) || "", type, data };
    if (event.id) this.fresh = false;
    if (moves(event, this.cursor)) this.cursor = event.id;
    if (type === "hello") {
      this.hello = event;
      this.fresh = true;
      this.#refusals = 0;
      this.#set("open");
    }
    this.#to.event(event);
    if (type === "goaway" || (type === "expiring" && !this.#stays)) {
      this.#end(data.reason === "token_expired" ? "expiring" : type, { after: data.retry });
    }
    if (type === "hello" && this.#forged) {
      this.#forged = false;
      this.#emit(forged(event.id));
    }
  }

  /** What a stream is not told, or not told aloud, a plain request is. */
  async #ask() {
    const life = (this.#life = new AbortController());
    const cancel = this.#world.after(ANSWER, () => life.abort());
    try {
      await this.#api.page({ cursor: this.cursor, topic: this.#topics, limit: 1 }, life.signal);
      return new Failure("blocked"); // plain requests pass, so it is the stream that does not
    } catch (error) {
      return failureOf(error);
    } finally {
      cancel();
    }
  }

  /**
   * Looks again, when it is time, whether the preferred way is open.
   *
   * @param {AbortSignal} signal of the try that stands in for it
   */
  async #lookUp(signal) {
    while (this.#ladder.climbAt < Infinity) {
      await sleep(this.#world, this.#ladder.climbAt - this.#world.now(), signal);
      const trial = new AbortController();
      const end = () => trial.abort();
      let open = false;
      signal.addEventListener("abort", end);
      const cancel = this.#world.after(HELLO_WAIT, end);
      if (!signal.aborted) {
        await this.#try(this.#ladder.preferred, trial.signal, {
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
      if (open) return this.#climb();
      this.#ladder.stay(this.#world.now());
    }
  }

  #climb() {
    this.#ladder.climb();
    this.#end("climb");
  }

  /**
   * @param {number} milliseconds
   * @param {number} firm the part of them that no wake cuts short: the server asked for it
   */
  async #wait(milliseconds, firm) {
    const until = this.#world.now() + firm;
    if (this.#closed) return;
    await new Promise((resolve) => {
      const cancel = this.#world.after(milliseconds, () => resolve(0));
      this.#wake = (surely) => {
        if (surely || this.#world.now() >= until) resolve(cancel());
      };
    });
  }
}
