/** Polling: the same log, read a page at a time. Long polls wait for the next event, short ones do not. */

import { ANSWER, milliseconds } from "../http.js";
import { HEARTBEAT, place } from "./attempt.js";

/**
 * @import {Api} from "../http.js"
 * @import {Attempt} from "./attempt.js"
 */

const WAIT = 25; // seconds a long poll is held; proxies cut silent requests at 60, some at 30
const INTERVAL = 5000; // ms between short polls, until the server says another
const TOO_SOON = 1000; // ms; a long poll that ends empty before this was not held

/** @param {Attempt} attempt */
export const longPoll = (attempt) => poll(attempt, WAIT);

/** @param {Attempt} attempt */
export const shortPoll = (attempt) => poll(attempt, 0);

/**
 * @param {Attempt} attempt
 * @param {number} wait seconds
 */
async function poll(attempt, wait) {
  const { api, signal, world } = attempt;
  attempt.expect(ANSWER);
  const hello = { ...(await takeStock(attempt)), heartbeat: HEARTBEAT, session: null };
  attempt.emit({ id: hello.cursor, type: "hello", data: hello });
  /** @type {string | null} */
  let etag = null;
  for (;;) {
    attempt.expect(wait * 1000 + ANSWER);
    const asked = world.now();
    const { cursor } = attempt;
    const response = await api.request("/v1/poll", {
      params: { ...place(attempt), wait },
      headers: etag ? { "if-none-match": etag } : {},
      signal,
    });
    let more = false;
    let empty = true;
    if (response.status !== 304) {
      const page = await response.json();
      page.events.forEach(attempt.emit);
      attempt.moved(page.cursor);
      ({ more } = page);
      empty = !page.events.length;
      etag = wait || cursor !== attempt.cursor ? null : response.headers.get("etag");
    }
    attempt.heard();
    const interval = milliseconds(response.headers.get("x-poll-interval"), world.now()) || INTERVAL;
    const held = wait && !(empty && world.now() - asked < TOO_SOON);
    if (more || held) continue;
    attempt.expect(interval * 2 + ANSWER);
    await attempt.pause(interval * (0.75 + world.random() / 2));
  }
}

/**
 * What a `hello` would say, asked for. The counters say at which cursor they are true: without a cursor of its
 * own a stream starts exactly there.
 *
 * @param {{api: Api, cursor?: string, topics: string[], signal: AbortSignal}} place
 */
export async function takeStock({ api, cursor, topics, signal }) {
  const counters = await api.json("/v1/inbox/counters", { signal }).catch((error) => {
    // Not everyone who may read a stream has an inbox; whether this one may, the first page tells.
    if (["refused", "wrong", "blocked", "absent"].includes(error.kind)) return null;
    throw error;
  });
  const first = counters ?? (await api.page({ ...place({ cursor, topics }), limit: 1 }, signal));
  return { cursor: /** @type {string} */ (cursor ?? first.cursor), counters };
}
