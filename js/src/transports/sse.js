/** Server-sent events over `fetch`: `EventSource` can neither send a token nor say why it failed. */

import { Failure } from "../http.js";
import { EventStream } from "../sse.js";
import { parse, place } from "./attempt.js";

/** @import {Attempt} from "./attempt.js" */

/** @param {Attempt} attempt */
export async function sse(attempt) {
  const response = await attempt.api.request("/v1/stream", {
    params: place(attempt),
    headers: { accept: "text/event-stream" },
    signal: attempt.signal,
  });
  if (response.status === 204) throw new Failure("stop");
  if (!response.headers.get("content-type")?.startsWith("text/event-stream") || !response.body) {
    throw new Failure("blocked");
  }
  const stream = new EventStream(
    (block) => attempt.emit({ ...block, data: parse(block.data) }),
    attempt.retry,
    attempt.moved,
  );
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    attempt.heard();
    stream.feed(value);
  }
}
