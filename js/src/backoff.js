/** How long to wait before the next try: full jitter, so that a thousand clients do not return as one. */

const BASE = 1000; // ms; until the server says another with `retry:`
const CAP = 30_000; // ms

export class Backoff {
  /** Ceiling of the first wait in milliseconds; the server's `retry:` sets it. */
  base = BASE;
  #failures = 0;
  #random;

  /** @param {() => number} random */
  constructor(random) {
    this.#random = random;
  }

  /** Milliseconds, anywhere between nothing and a ceiling that doubles with each call. */
  next() {
    return this.#random() * Math.min(Math.max(CAP, this.base), this.base * 2 ** this.#failures++);
  }

  reset() {
    this.#failures = 0;
  }
}
