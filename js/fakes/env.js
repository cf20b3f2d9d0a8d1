/** An environment with its own clock, which the test advances. */

/** @import {Env} from "../src/env.js" */

/** Run all pending callbacks. */
export async function settle() {
  for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
}

export class FakeEnv {
  /** The time of the timers. */
  time = 1_700_000_000_000;
  /** How far the wall clock is ahead of it, ms. */
  skew = 0;
  /** The page: dispatch `online`, `pagehide` ... here, `visibilitychange` on its document. */
  window = new EventTarget();
  document = Object.assign(new EventTarget(), { hidden: false });
  randomValue = 0.5;
  /** Delay of each timer, ms, as in a hidden tab. */
  throttle = 0;
  /** @type {Map<number, {at: number, run: () => void}>} */
  #timers = new Map();
  #ids = 0;

  /** @param {import("./server.js").FakeServer} network */
  constructor(network) {
    this.network = network;
    network.after ??= this.env.after;
  }

  /** @returns {Env} */
  get env() {
    return {
      now: () => this.time + this.skew,
      random: () => this.randomValue,
      after: (milliseconds, run) => {
        const id = ++this.#ids;
        this.#timers.set(id, { at: this.time + milliseconds + this.throttle, run });
        return () => void this.#timers.delete(id);
      },
      fetch: (input, init) => this.network.fetch(input, init),
      window: this.window,
      document: /** @type {any} */ (this.document),
      socket: (url) => /** @type {any} */ (this.network.socket(url)),
    };
  }

  get timers() {
    return this.#timers.size;
  }

  /** @param {number} milliseconds */
  async advance(milliseconds) {
    const end = this.time + milliseconds;
    await settle();
    for (;;) {
      const [next] = [...this.#timers].sort(([, a], [, b]) => a.at - b.at);
      if (!next || next[1].at > end) break;
      this.#timers.delete(next[0]);
      this.time = Math.max(this.time, next[1].at);
      next[1].run();
      await settle();
    }
    this.time = end;
  }

  /** Advance the wall clock only: the machine slept. @param {number} milliseconds */
  sleep(milliseconds) {
    this.skew += milliseconds;
  }

  /** Make the page visible again. */
  show() {
    this.document.dispatchEvent(new Event("visibilitychange"));
  }
}
