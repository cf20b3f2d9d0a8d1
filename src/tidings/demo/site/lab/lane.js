/** One way of receiving: a connection that may use no other, and what it has seen. */

import { connect } from "/js/stream.js";
import { clock } from "./publisher.js";
import { forget } from "./sight.js";
import { Meter } from "./wire.js";

const KEPT = 10_000; // latencies

/** @typedef {"sse" | "ws" | "long-poll" | "short-poll"} Transport */

export class Lane {
  received = 0;
  repeated = 0;
  /** The latest latencies in ms. @type {number[]} */
  latencies = [];
  /** `[when it came, latency]` of those in sight. @type {[number, number][]} */
  dots = [];
  since = performance.now();
  meter;
  transport;
  /** Skipped over: a later one came before them. @type {Set<number>} */
  #skipped = new Set();
  #last = -1;
  /** @type {import("/js/stream.js").Connection | undefined} */
  #connection;
  #user;
  /** @type {string | undefined} */
  #cursor;

  /**
   * @param {Transport} transport
   * @param {string} user
   * @param {number} head bytes of a request's head
   */
  constructor(transport, user, head) {
    this.transport = transport;
    this.#user = user;
    this.meter = new Meter(head);
  }

  get status() {
    return this.#connection?.status ?? "closed";
  }

  get error() {
    return this.#connection?.error?.message ?? "";
  }

  open() {
    if (this.status !== "closed") return;
    this.since = performance.now();
    const connection = connect({
      user: this.#user, transports: [this.transport], share: "none", cursor: this.#cursor, env: this.meter.env(),
    });
    connection.addEventListener("event", (/** @type {any} */ { detail }) => this.#receive(detail));
    this.#connection = connection;
  }

  /** As a tunnel would: what comes meanwhile is fetched from the log afterwards. */
  close() {
    this.#cursor = this.#connection?.cursor;
    this.#connection?.close();
  }

  /** Those that the server took and this lane has skipped over. @param {Set<number>} taken */
  missed(taken) {
    let missed = 0;
    for (const n of this.#skipped) if (taken.has(n)) missed++;
    return missed;
  }

  /** @param {{type: string, data: any}} event */
  #receive({ type, data }) {
    if (type !== "notification.created" || data.type !== "lab") return;
    const { n, at } = data.data;
    if (n <= this.#last && !this.#skipped.delete(n)) {
      this.repeated++;
      return;
    }
    for (let between = this.#last + 1; between < n; between++) this.#skipped.add(between);
    this.#last = Math.max(this.#last, n);
    this.received++;
    const latency = clock() - at;
    this.latencies.push(latency);
    if (this.latencies.length > KEPT * 1.1) this.latencies.splice(0, this.latencies.length - KEPT);
    this.dots.push([performance.now(), latency]);
    forget(this.dots, performance.now(), ([time]) => time);
  }
}

/**
 * Quantiles by rank.
 *
 * @param {number[]} values
 * @param {number[]} shares
 */
export function quantiles(values, shares) {
  if (!values.length) return shares.map(() => NaN);
  const sorted = Float64Array.from(values).sort();
  return shares.map((share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]);
}
