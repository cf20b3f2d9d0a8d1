/** Exponential back-off with full jitter, so that a thousand clients do not reconnect at the same moment. */

const BASE = 1000; // ms; until the server sends another with `retry:`
const CAP = 30_000; // ms

export class Backoff {
  /** Ceiling of the first delay in milliseconds; set from the server's `retry:`. */
  base = BASE;
  #failures = 0;
  #random;

  /** @param {() => number} random */
  constructor(random) {
    this.#random = random;
  }

  /** The next delay in milliseconds: uniform between zero and a ceiling that doubles with each call. */
  next() {
    return this.#random() * Math.min(Math.max(CAP, this.base), this.base * 2 ** this.#failures++);
  }

  reset() {
    this.#failures = 0;
  }
}
