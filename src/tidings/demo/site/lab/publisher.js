/** Publishes at a rate, at random moments: regular ones could beat in time with a poll. */

import { call } from "../page.js";

const MOST = 200; // notifications in one request, when the rate is higher than requests are answered
const LIFE = 10 * 60_000; // ms; then the server forgets them, and the lab has left nothing behind
const PAUSE = 1000; // ms after an error

/** The one clock of sender and receiver: both are this page. */
export const clock = () => performance.timeOrigin + performance.now();

export class Publisher {
  rate = 5; // a second
  size = 150; // characters in each
  sent = 0;
  /** Which ones the server has taken. @type {Set<number>} */
  taken = new Set();
  error = "";
  #turn = 0; // of running: what another turn began goes no further
  #user;

  /** @param {string} user */
  constructor(user) {
    this.#user = user;
  }

  stop() {
    this.#turn++;
  }

  async run() {
    const turn = ++this.#turn;
    let due = clock();
    while (turn === this.#turn) {
      const now = clock();
      let count = 0;
      for (; due <= now && count < MOST; due += this.#gap()) count++;
      if (due < now - 1000) due = now; // it cannot keep up: as fast as it can, then, and no debt
      if (count) await this.#publish(count);
      else await new Promise((resolve) => setTimeout(resolve, Math.min(due - now, 100)));
    }
  }

  /** ms to the next one: exponential, so that a moment says nothing about the next. */
  #gap() {
    return (-Math.log(1 - Math.random()) * 1000) / this.rate;
  }

  /** @param {number} count */
  async #publish(count) {
    const numbers = Array.from({ length: count }, () => this.sent++);
    const expire_time = new Date(Date.now() + LIFE).toISOString();
    const at = clock();
    const drafts = numbers.map((n) => ({
      to: { user: this.#user }, type: "lab", data: { n, at, pad: "x".repeat(this.size) }, expire_time,
    }));
    try {
      const { ok, json } = count === 1
        ? await call("POST", "/v1/notifications", { body: drafts[0] })
        : await call("POST", "/v1/notifications:batch", { body: drafts });
      if (!ok) throw new Error(json?.detail ?? "the server does not answer");
      for (const n of numbers) this.taken.add(n);
      this.error = "";
    } catch (error) {
      this.error = /** @type {Error} */ (error).message;
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}
