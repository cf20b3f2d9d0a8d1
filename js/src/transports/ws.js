/** WebSocket: the same events, framed. */

import { Failure } from "../http.js";
import { HEARTBEAT, place } from "./attempt.js";

/**
 * @import {Kind} from "../http.js"
 * @import {Attempt} from "./attempt.js"
 */

/**
 * What the server means by closing (docs/close-codes.md), where it is more than "come back". What it could not
 * read, it did not get as it was sent: then WebSockets do not pass here, and something else has to.
 *
 * @type {Record<number, Kind>}
 */
const KINDS = {
  1001: "busy",
  1002: "absent",
  1003: "absent",
  1007: "absent",
  1009: "absent",
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
    let socket;
    try {
      socket = world.socket(api.address("/v1/ws", { ...place(attempt), ticket }).replace("http", "ws"));
    } catch (error) {
      throw new Failure("absent", String(error)); // Node before 22 has none
    }
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
      // A handshake that was wrong is asked about: it may be the cursor.
      const kind = KINDS[code] ?? (greeted ? (code === 4400 ? "wrong" : "ended") : "hidden");
      reject(new Failure(kind, reason || undefined, { code: String(code) }));
    };
    signal.addEventListener("abort", () => {
      quiet();
      reject(signal.reason);
      socket.close();
    });
  });
}
