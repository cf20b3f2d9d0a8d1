/**
 * Detects a silent server by the wall clock.
 *
 * A timer alone is misleading: in a hidden tab it fires up to a minute late, after sleep much later, and possibly
 * before the bytes that wait in the socket have been read. A timer that fires late therefore proves nothing; it
 * starts a short grace period in which the pending bytes can be read.
 */

/** @import {Env} from "./env.js" */

const LATE = 1000; // ms after its due time: the page was throttled, frozen or asleep
const GRACE = 2000; // ms

export class HeartbeatMonitor {
  /** Time of the last activity (wall clock, ms). */
  lastActivity = 0;
  #env;
  #onTimeout;
  #onDoubt;
  #limit = Infinity;
  #inGrace = false;
  /** @type {(() => void) | undefined} */
  #cancel;

  /**
   * @param {Env} env
   * @param {() => void} onTimeout no activity within the limit
   * @param {() => void} [onDoubt] the timer fired late; called at the start of the grace period
   */
  constructor(env, onTimeout, onDoubt = () => {}) {
    this.#env = env;
    this.#onTimeout = onTimeout;
    this.#onDoubt = onDoubt;
  }

  /** Start the monitor. @param {number} milliseconds longest silence allowed, now and after each activity */
  start(milliseconds) {
    this.#limit = milliseconds;
    this.activity();
    this.#schedule(milliseconds);
  }

  /** Record a sign of life. */
  activity() {
    this.lastActivity = this.#env.now();
    this.#inGrace = false;
  }

  /** Check now: the page woke up, and the timer may be far off. */
  check() {
    if (this.#cancel && !this.#inGrace) this.#evaluate(true);
  }

  stop() {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** @param {number} milliseconds */
  #schedule(milliseconds) {
    this.stop();
    const due = this.#env.now() + milliseconds;
    this.#cancel = this.#env.after(milliseconds, () => this.#evaluate(this.#env.now() - due > LATE));
  }

  /** @param {boolean} late */
  #evaluate(late) {
    const silence = this.#env.now() - this.lastActivity;
    if (silence < 0) this.activity(); // the clock was set back
    if (silence < this.#limit) return this.#schedule(this.#limit - Math.max(silence, 0));
    if (late && !this.#inGrace) {
      this.#inGrace = true;
      this.#onDoubt();
      return this.#schedule(GRACE);
    }
    this.stop();
    this.#onTimeout();
  }
}
