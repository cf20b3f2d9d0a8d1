/** WebSocket: the same events as text frames. */

import { TidingsError } from "../http.js";
import { DEFAULT_HEARTBEAT, streamParams } from "./attempt.js";

// Puts what both use into the same chunk as the stream, which then weighs less.
export { connect } from "../stream.js";

/**
 * @import {FailureKind} from "../http.js"
 * @import {Attempt} from "./attempt.js"
 */

/**
 * The server's close codes (docs/close-codes.md) that mean more than "reconnect". A frame that the server could not
 * read was changed on the way: WebSockets do not pass here, and another transport is taken.
 *
 * @type {Record<number, FailureKind>}
 */
const KINDS = {
  1001: "busy",
  1002: "unsupported",
  1003: "unsupported",
  1007: "unsupported",
  1009: "unsupported",
  1011: "busy",
  1013: "busy",
  4401: "refused",
  4403: "refused",
};

/** @param {Attempt} attempt */
export async function ws(attempt) {
  const { http, env, signal } = attempt;
  // A browser's WebSocket cannot send headers: the token buys a ticket that is good for one connection.
  const ticket = http.hasToken ? (await http.json("/v1/tickets", { method: "POST", signal })).ticket : undefined;
  signal.throwIfAborted();
  await new Promise((_, reject) => {
    let socket;
    try {
      socket = env.socket(http.url("/v1/ws", { ...streamParams(attempt), ticket }).replace("http", "ws"));
    } catch (error) {
      throw new TidingsError("unsupported", String(error)); // Node before 22 has none
    }
    let opened = false;
    let cancelPing = () => {};
    // Protocol pings are not visible to the page, so it sends its own.
    const ping = (/** @type {number} */ seconds) => {
      cancelPing = env.after(seconds * 1000, () => {
        socket.send('{"type":"ping"}');
        ping(seconds);
      });
    };
    socket.onmessage = ({ data }) => {
      attempt.activity();
      const frame = JSON.parse(data);
      attempt.emit(frame);
      if (frame.type !== "hello" || signal.aborted) return;
      opened = true;
      ping(frame.data.heartbeat || DEFAULT_HEARTBEAT);
    };
    socket.onclose = ({ code, reason }) => {
      // A failed handshake has no status here: a plain request is made to find out why.
      const kind = KINDS[code] ?? (opened ? (code === 4400 ? "invalid" : "ended") : "handshake");
      reject(new TidingsError(kind, reason || undefined, { code: String(code) }));
    };
    signal.addEventListener("abort", () => {
      cancelPing();
      reject(signal.reason);
      socket.close();
    });
  });
}
