/** Choice of the transport. Pure: it is given the outcome of each attempt and selects the next transport. */

/** @import {FailureKind} from "./http.js" */

/** @typedef {"sse" | "ws" | "long-poll" | "short-poll"} Transport */

const FIRST_PROBE = 60_000; // ms until the preferred transport is tried again; doubles with each useless try
const MAX_PROBE = 3_600_000; // ms
const MAX_EARLY_ENDS = 3; // consecutive early ends after which a transport is left; a timeout counts as two

export class TransportFallback {
  /** Time (wall clock, ms) of the next probe of the preferred transport. */
  probeAt = Infinity;
  #transports;
  #index = 0;
  #earlyEnds = 0;
  #probeDelay = FIRST_PROBE;

  /** @param {Transport[]} transports preferred first */
  constructor(transports) {
    this.#transports = transports;
  }

  get preferred() {
    return /** @type {Transport} */ (this.#transports[0]);
  }

  get transport() {
    return /** @type {Transport} */ (this.#transports[this.#index]);
  }

  /**
   * Record the end of an attempt. Returns true if another transport is to be tried at once.
   *
   * @param {FailureKind} kind
   * @param {{opened: boolean, stable: boolean}} outcome `opened`: `hello` came; `stable`: it worked for a while after that
   * @param {number} now
   */
  ended(kind, { opened, stable }, now) {
    if (kind === "preferred") return false; // the attempt that ended was not on the current transport
    if (stable) {
      this.#earlyEnds = 0;
      if (!this.#index) this.#probeDelay = FIRST_PROBE;
    } else if (opened && (kind === "ended" || kind === "network" || kind === "timeout")) {
      this.#earlyEnds += kind === "timeout" ? 2 : 1;
    }
    const useless =
      kind === "blocked" || kind === "unsupported" || (kind === "timeout" && !opened) || this.#earlyEnds >= MAX_EARLY_ENDS;
    return useless && this.#next(now);
  }

  /** @param {number} now */
  #next(now) {
    this.#earlyEnds = 0;
    this.#index = (this.#index + 1) % this.#transports.length;
    this.scheduleProbe(now);
    return this.#index > 0; // after the last transport the first is next, with a delay
  }

  /** Schedule the next probe: the preferred transport still fails. @param {number} now */
  scheduleProbe(now) {
    if (!this.#index) return void (this.probeAt = Infinity);
    this.probeAt = now + this.#probeDelay;
    this.#probeDelay = Math.min(this.#probeDelay * 2, MAX_PROBE);
  }

  /** Return to the preferred transport. */
  returnToPreferred() {
    this.#index = 0;
    this.probeAt = Infinity;
  }
}
