/**
 * One attempt on one transport: the interface that transports are given.
 * A transport resolves when the server ended the stream, and rejects with a `TidingsError` otherwise.
 *
 * @import {HttpClient, QueryParams} from "../http.js"
 * @import {Env} from "../env.js"
 *
 * @typedef {object} TidingsEvent
 * @property {string} id the event's cursor, or "" for an event that is not in the log
 * @property {string} type
 * @property {any} data
 *
 * @typedef {object} Attempt
 * @property {HttpClient} http
 * @property {Env} env
 * @property {string | undefined} cursor where to resume
 * @property {string[]} topics
 * @property {AbortSignal} signal
 * @property {(event: {id?: string | null, type: string, data: any}) => void} emit
 * @property {(cursor: string) => void} cursorMoved the cursor advanced without an event
 * @property {() => void} activity the server gave a sign of life
 * @property {(milliseconds: number) => void} expectActivity a sign of life is due within this time
 * @property {(milliseconds: number) => void} retry the server's `retry:`
 * @property {(milliseconds: number) => Promise<void>} pauseFor
 */

/** Heartbeat interval in seconds where the server sends none. */
export const DEFAULT_HEARTBEAT = 25;

/**
 * The query parameters that say where a stream starts and what it covers.
 *
 * @param {Pick<Attempt, "cursor" | "topics">} attempt
 * @returns {QueryParams}
 */
export const streamParams = ({ cursor, topics }) => ({ cursor, topic: topics });

/**
 * Whether an event advances the cursor to its id. Where a stream starts elsewhere than requested, a `reset` follows its
 * `hello`: until then the cursor stays, or a connection that breaks in between would skip the reset.
 *
 * @param {TidingsEvent} event
 * @param {string | undefined} cursor
 */
export const advancesCursor = ({ id, type }, cursor) => id && (type !== "hello" || !cursor || cursor === "start");

/** @param {string} text */
export function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/**
 * The `reset` that the client emits when the server refused its cursor and the stream starts from now.
 *
 * @param {string} cursor
 */
export const invalidCursorReset = (cursor) => ({ id: cursor, type: "reset", data: { reason: "invalid_cursor", cursor } });
