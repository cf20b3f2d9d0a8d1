/** WebSocket: the same events, framed. */

import { Failure } from "../http.js";
import { HEARTBEAT, place } from "./attempt.js";

/**
 * @import {Kind} from "../http.js"
 * @import {Attempt} from "./attempt.js"
 */

/**
 * What the server means by closing (docs/close-codes.md), where it is more than "come back". What it could not
 * read, it did not get as it was sent: then WebSockets do not pass here.
 *
 * @type {Record<number, Kind>}
 */
const KINDS = {
  1001: "busy",
  1002: "blocked",
  1003: "blocked",
  1007: "blocked",
  1009: "blocked",
  1011: "busy",
  1013: "busy",
  4401: "refused",
  4403: "refused",
};

/** @param {Attempt} attempt */
export async function ws(attempt) {
  const { api, world, signal } = attempt;
  // A socket cannot send headers: the token buys a ticket that is good for one connection.
  const ticket = api.hasToken ? (await api.json("/v1/tickets", { method: "POST", signal })).ticket : undefined;
  signal.throwIfAborted();
  await new Promise((_, reject) => {
    const url = new URL(api.address("/v1/ws", { ...place(attempt), ticket }));
    url.protocol = url.protocol.replace("http", "ws");
    const socket = world.socket(url.href);
    let greeted = false;
    let quiet = () => {};
    // Protocol pings stay inside the browser, so the page has to ask for itself.
    const ping = (/** @type {number} */ seconds) => {
      quiet = world.after(seconds * 1000, () => {
        socket.send('{"type":"ping"}');
        ping(seconds);
      });
    };
    socket.onmessage = ({ data }) => {
      attempt.heard();
      const frame = JSON.parse(data);
      attempt.emit(frame);
      if (frame.type !== "hello" || signal.aborted) return;
      greeted = true;
      ping(frame.data.heartbeat || HEARTBEAT);
    };
    socket.onclose = ({ code, reason }) => {
      const kind = KINDS[code] ?? (greeted ? "ended" : "hidden");
      reject(new Failure(kind, reason || undefined, { code: String(code) }));
    };
    signal.addEventListener("abort", () => {
      quiet();
      reject(signal.reason);
      socket.close();
    });
  });
}
