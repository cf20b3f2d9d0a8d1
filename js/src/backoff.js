/**
 * How long to wait before the next attempt: at least what the server asked for, plus exponential back-off with full
 * jitter, so that a thousand clients do not reconnect at the same moment.
 */

const BASE = 1000; // ms; the first window
const CAP = 30_000; // ms; the widest window
const CAP_IN_FRONT = 5000; // ms; while a user looks at a page whose server cannot be reached, which costs that server nothing

export class Backoff {
  /** The server's `retry:` in milliseconds: the least delay of every reconnect. */
  retry = 0;
  #failures = 0;
  #random;

  /** @param {() => number} random */
  constructor(random) {
    this.#random = random;
  }

  /**
   * The next delay in milliseconds.
   *
   * @param {number} [once] what `goaway` or `Retry-After` asked for: replaces `retry` this time
   * @param {boolean} [inFront] the server was not reached, and the user may be looking at the page
   */
  next(once = 0, inFront = false) {
    return (once || this.retry) + this.#random() * Math.min(inFront ? CAP_IN_FRONT : CAP, BASE * 2 ** this.#failures++);
  }

  reset() {
    this.#failures = 0;
  }
}
