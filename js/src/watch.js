/**
 * Notices silence, by the wall clock.
 *
 * A timer alone lies: in a hidden tab it comes up to a minute late, after sleep much later, and it may run
 * before what lies in the socket has been read. So a timer that fires late proves nothing; it asks for a
 * little more patience, in which whatever is waiting to be read has its chance.
 */

/** @import {World} from "./world.js" */

const LATE = 1000; // ms after its time: the page was throttled, frozen or asleep
const GRACE = 2000; // ms of patience then

export class Watch {
  /** When something was last heard (wall clock, ms). */
  heardAt = 0;
  #world;
  #onSilence;
  #onDoubt;
  #limit = Infinity;
  #grace = false;
  /** @type {(() => void) | undefined} */
  #cancel;

  /**
   * @param {World} world
   * @param {() => void} onSilence nothing was heard for as long as was agreed
   * @param {() => void} [onDoubt] perhaps; now is the time to ask
   */
  constructor(world, onSilence, onDoubt = () => {}) {
    this.#world = world;
    this.#onSilence = onSilence;
    this.#onDoubt = onDoubt;
  }

  /** @param {number} milliseconds from now on, and again after each sign of life */
  expect(milliseconds) {
    this.#limit = milliseconds;
    this.heard();
    this.#sleep(milliseconds);
  }

  heard() {
    this.heardAt = this.#world.now();
    this.#grace = false;
  }

  /** The page woke up: look now, the timer may be far off. */
  check() {
    if (this.#cancel && !this.#grace) this.#look(true);
  }

  stop() {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** @param {number} milliseconds */
  #sleep(milliseconds) {
    this.stop();
    const due = this.#world.now() + milliseconds;
    this.#cancel = this.#world.after(milliseconds, () => this.#look(this.#world.now() - due > LATE));
  }

  /** @param {boolean} late */
  #look(late) {
    const silence = this.#world.now() - this.heardAt;
    if (silence < 0) this.heard(); // the clock was set back
    if (silence < this.#limit) return this.#sleep(this.#limit - Math.max(silence, 0));
    if (late && !this.#grace) {
      this.#grace = true;
      this.#onDoubt();
      return this.#sleep(GRACE);
    }
    this.stop();
    this.#onSilence();
  }
}
