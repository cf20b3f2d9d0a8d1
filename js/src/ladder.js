/** Which way of receiving to take. Pure: it is told what happened and says what is next. */

/** @import {Kind} from "./http.js" */

/** @typedef {"sse" | "ws" | "long-poll" | "short-poll"} Transport */

const LATER = 60_000; // ms until the way preferred is tried again; doubles each time it is of no use
const MUCH_LATER = 3_600_000; // ms
const DEATHS = 3; // early deaths in a row that speak against a way; to fall silent counts as two

export class Ladder {
  /** When (wall clock, ms) to look whether the preferred way is open again. */
  climbAt = Infinity;
  #rungs;
  #rung = 0;
  #deaths = 0;
  #later = LATER;

  /** @param {Transport[]} rungs preferred first */
  constructor(rungs) {
    this.#rungs = rungs;
  }

  get preferred() {
    return /** @type {Transport} */ (this.#rungs[0]);
  }

  get transport() {
    return /** @type {Transport} */ (this.#rungs[this.#rung]);
  }

  /**
   * A try ended. True if another way is to be tried at once.
   *
   * @param {Kind} kind
   * @param {{greeted: boolean, lived: boolean}} how whether `hello` came, and whether it went well for a while
   * @param {number} now
   */
  fell(kind, { greeted, lived }, now) {
    if (kind === "climb") return false; // what ended was not the way that is taken now
    if (lived) {
      this.#deaths = 0;
      if (!this.#rung) this.#later = LATER;
    } else if (greeted && (kind === "ended" || kind === "network" || kind === "silent")) {
      this.#deaths += kind === "silent" ? 2 : 1;
    }
    const useless = kind === "blocked" || kind === "absent" || (kind === "silent" && !greeted) || this.#deaths >= DEATHS;
    return useless && this.#down(now);
  }

  /** @param {number} now */
  #down(now) {
    this.#deaths = 0;
    this.#rung = (this.#rung + 1) % this.#rungs.length;
    this.stay(now);
    return this.#rung > 0; // from the last it goes back to the first, but not in a hurry
  }

  /** The preferred way is still closed. @param {number} now */
  stay(now) {
    if (!this.#rung) return void (this.climbAt = Infinity);
    this.climbAt = now + this.#later;
    this.#later = Math.min(this.#later * 2, MUCH_LATER);
  }

  /** The preferred way is open again. */
  climb() {
    this.#rung = 0;
    this.climbAt = Infinity;
  }
}
