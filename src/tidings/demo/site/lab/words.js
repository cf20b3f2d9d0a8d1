/** Numbers as people say them, and what they mean. Pure. */

/**
 * @typedef {object} Facts
 * @property {"sse" | "ws" | "long-poll" | "short-poll"} transport
 * @property {number} received
 * @property {number} missed
 * @property {number} p50 ms
 * @property {number} p99 ms
 * @property {number} requests handshakes among them
 * @property {number} handshakes of WebSockets
 * @property {number} unchanged answers that brought nothing
 * @property {number} up bytes
 * @property {number} down bytes
 */

/** @type {Record<Facts["transport"], string>} */
export const NAMES = { sse: "Server-sent events", ws: "WebSocket", "long-poll": "Long polling", "short-poll": "Short polling" };

/** @param {number} ms */
export function time(ms) {
  if (Number.isNaN(ms)) return "–";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

/** @param {number} bytes */
export function bytes(bytes) {
  if (Number.isNaN(bytes)) return "–";
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  return bytes < 1e6 ? `${(bytes / 1000).toFixed(bytes < 1e4 ? 1 : 0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** @param {number} n @param {string} one */
const many = (n, one) => `${n} ${one}${n === 1 ? "" : "s"}`;

/** @param {Facts} facts bytes for each event, both ways */
export const each = ({ up, down, received }) => (received ? (up + down) / received : NaN);

/**
 * One lane's numbers in words.
 *
 * @param {Facts} facts
 * @param {Facts} cheapest of all lanes
 */
export function say(facts, cheapest) {
  const { transport, received, requests, handshakes, unchanged, missed, p50, p99 } = facts;
  if (!received) return "Nothing has come this way yet.";
  const ratio = each(facts) / each(cheapest);
  const cost = facts === cheapest ? "the fewest bytes of the four" : ratio < 1.05 ? "nearly the fewest bytes" : `${ratio.toFixed(1)} times the bytes of ${NAMES[cheapest.transport]}`;
  const lost = missed ? ` It skipped over ${many(missed, "event")}: that should never be.` : "";
  const plain = requests > handshakes ? ` and ${many(requests - handshakes, "plain request")}` : "";
  const speed = `Half of the events were here within ${time(p50)}, 99 of 100 within ${time(p99)}`;
  return {
    sse: `${speed}, over ${many(requests, "request")}, for ${cost}.`,
    ws: `${speed}, over ${many(handshakes, "handshake")}${plain}, for ${cost}. It can talk back, which a stream cannot.`,
    "long-poll": `${speed}: nearly a push, but it asked ${requests} times for ${many(received, "event")}, for ${cost}.`,
    "short-poll": `${speed}: an event waits until it is asked for. ${unchanged} of ${requests} requests heard “nothing new”; it cost ${cost}.`,
  }[transport] + lost;
}

/**
 * Why a lane is not open.
 *
 * @param {number | undefined} trouble how its last request went: its status, 0 if no server was reached, undefined while it
 *   has no answer
 */
export function why(trouble) {
  if (trouble === 0) return "Not open: the server cannot be reached. It is tried again.";
  if (trouble) return `Not open: the server answered ${trouble}. It is tried again.`;
  return "Not open yet: a request has no answer. The server may be slow; or other tabs hold the six connections that a browser keeps to one server over HTTP/1.1.";
}

/**
 * The whole in a sentence or two.
 *
 * @param {Facts[]} all
 * @param {number} taken
 */
export function sum(all, taken) {
  if (!taken) return "";
  const missed = all.reduce((total, { missed }) => total + missed, 0);
  const whole = missed ? `${many(missed, "event")} went missing.` : `${many(taken, "event")} published, none missed on any lane.`;
  const [push, poll] = [all.find(({ transport }) => transport === "sse"), all.find(({ transport }) => transport === "short-poll")];
  if (!push?.received || !poll?.received || poll.p50 < push.p50) return whole;
  return `${whole} A push was ${Math.round(poll.p50 / push.p50)} times faster than short polling at the median.`;
}
