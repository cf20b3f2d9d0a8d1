/** Server-sent events over `fetch`: `EventSource` can neither send a token nor report why it failed. */

import { EventStreamParser } from "../event-stream-parser.js";
import { TidingsError } from "../http.js";
import { parseJson, streamParams } from "./attempt.js";

/** @import {Attempt} from "./attempt.js" */

/** @param {Attempt} attempt */
export async function sse(attempt) {
  const response = await attempt.http.request("/v1/stream", {
    params: streamParams(attempt),
    headers: { accept: "text/event-stream" },
    signal: attempt.signal,
  });
  // EventSource never returns after a 204. No Tidings server sends one: a proxy does, for a while.
  if (response.status === 204) throw new TidingsError("busy");
  if (mediaType(response.headers.get("content-type")) !== "text/event-stream" || !response.body) {
    throw new TidingsError("blocked");
  }
  const parser = new EventStreamParser(
    (block) => attempt.emit({ ...block, data: parseJson(block.data) }),
    attempt.retry,
    attempt.cursorMoved,
  );
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    attempt.activity();
    parser.feed(value);
  }
}

/**
 * The media type without parameters, in lower case (RFC 9110, 8.3.1). A header that a proxy doubled counts once.
 *
 * @param {string | null} contentType
 */
const mediaType = (contentType) => contentType?.split(/[;,]/, 1)[0]?.trim().toLowerCase();
