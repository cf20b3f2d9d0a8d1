/** Polling: the log, read a page at a time. Long polls wait for the next event, short polls do not. */

import { RESPONSE_TIMEOUT, parseRetryAfter } from "../http.js";
import { DEFAULT_HEARTBEAT, streamParams } from "./attempt.js";

/**
 * @import {HttpClient} from "../http.js"
 * @import {Attempt} from "./attempt.js"
 */

const WAIT = 25; // seconds a long poll is held; proxies cut silent requests at 60, some at 30
const INTERVAL = 5000; // ms between short polls, until the server sends another
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
  const { http, signal, env } = attempt;
  attempt.expectActivity(RESPONSE_TIMEOUT);
  const hello = { ...(await fetchHello(attempt)), heartbeat: DEFAULT_HEARTBEAT, connection: null };
  attempt.emit({ id: hello.cursor, type: "hello", data: hello });
  /** @type {string | null} */
  let etag = null;
  for (;;) {
    attempt.expectActivity(wait * 1000 + RESPONSE_TIMEOUT);
    const sentAt = env.now();
    const { cursor } = attempt;
    const response = await http.request("/v1/poll", {
      params: { ...streamParams(attempt), wait },
      headers: etag ? { "if-none-match": etag } : {},
      signal,
    });
    let more = false;
    let empty = true;
    if (response.status !== 304) {
      const page = await response.json();
      page.events.forEach(attempt.emit);
      attempt.cursorMoved(page.cursor);
      ({ more } = page);
      empty = !page.events.length;
      etag = wait || cursor !== attempt.cursor ? null : response.headers.get("etag");
    }
    attempt.activity();
    const interval = parseRetryAfter(response.headers.get("x-poll-interval"), env.now()) || INTERVAL;
    const held = wait && !(empty && env.now() - sentAt < TOO_SOON);
    if (more || held) continue;
    attempt.expectActivity(interval * 2 + RESPONSE_TIMEOUT);
    await attempt.pauseFor(interval * (0.75 + env.random() / 2));
  }
}

/**
 * The data of a `hello`, from plain requests. The counters name the cursor at which they are exact: a stream without
 * a cursor starts there.
 *
 * @param {{http: HttpClient, cursor?: string, topics: string[], signal: AbortSignal}} attempt
 */
export async function fetchHello({ http, cursor, topics, signal }) {
  const counters = await http.json("/v1/inbox/counters", { signal }).catch((error) => {
    // A credential may allow streams and no inbox; the first page of the poll shows whether it does.
    if (["refused", "invalid", "blocked", "unsupported"].includes(error.kind)) return null;
    throw error;
  });
  const first = counters ?? (await http.poll({ ...streamParams({ cursor, topics }), limit: 1 }, signal));
  return { cursor: /** @type {string} */ (cursor ?? first.cursor), counters };
}
