/**
 * One try at one way of receiving: what a transport is given.
 * A transport resolves when the server ended the stream, and rejects with a `Failure` otherwise.
 *
 * @import {Api, Params} from "../http.js"
 * @import {World} from "../world.js"
 *
 * @typedef {object} TidingsEvent
 * @property {string} id the event's cursor, or "" when it takes no place in the log
 * @property {string} type
 * @property {any} data
 *
 * @typedef {object} Attempt
 * @property {Api} api
 * @property {World} world
 * @property {string | undefined} cursor where to go on from
 * @property {string[]} topics
 * @property {AbortSignal} signal
 * @property {(event: {id?: string | null, type: string, data: any}) => void} emit
 * @property {(cursor: string) => void} moved the cursor moved without an event
 * @property {() => void} heard the server gave a sign of life
 * @property {(milliseconds: number) => void} expect a sign of life is due within this time
 * @property {(milliseconds: number) => void} retry the server's wish for reconnects
 * @property {(milliseconds: number) => Promise<void>} pause
 */

/** How often, in seconds, a sign of life is promised where the server does not say. */
export const HEARTBEAT = 25;

/**
 * @param {Pick<Attempt, "cursor" | "topics">} attempt
 * @returns {Params}
 */
export const place = ({ cursor, topics }) => ({ cursor, topic: topics });

/**
 * Whether an event moves a cursor to its id. Where a stream starts elsewhere than it was asked to, a reset follows its
 * hello: until that is here the cursor stays, or a connection that breaks in between would lead past it.
 *
 * @param {TidingsEvent} event
 * @param {string | undefined} cursor
 */
export const moves = ({ id, type }, cursor) => id && (type !== "hello" || !cursor || cursor === "start");

/** @param {string} text */
export function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/**
 * What is said where a cursor could not be read, and the stream goes on from now.
 *
 * @param {string} cursor
 */
export const forged = (cursor) => ({ id: cursor, type: "reset", data: { reason: "invalid_cursor", cursor } });
