/**
 * A tab's side of a connection, whether shared or not.
 *
 * @import {HttpClient} from "../http.js"
 * @import {Listener} from "../reconnecting-stream.js"
 * @import {Env} from "../env.js"
 * @import {SharedOptions} from "./messages.js"
 *
 * @typedef {Listener & {
 *   cursor: string | undefined,
 *   key: string,
 *   shared: SharedOptions,
 *   http: HttpClient,
 *   env: Env,
 * }} Subscriber `key` separates connections that must not be shared
 *
 * @typedef {object} Source where a subscriber's events come from
 * @property {(networkChanged?: boolean) => void} wake
 * @property {() => void} stop
 */

export {};
