/**
 * A tab's side of a connection, whoever holds it.
 *
 * @import {Api} from "../http.js"
 * @import {Listener} from "../link.js"
 * @import {World} from "../world.js"
 * @import {Shared} from "./words.js"
 *
 * @typedef {Listener & {
 *   cursor: string | undefined,
 *   key: string,
 *   shared: Shared,
 *   getToken?: () => Promise<string> | string,
 *   api: Api,
 *   world: World,
 * }} Member `key` tells connections apart that must not be mixed
 *
 * @typedef {object} Source where a member's events come from
 * @property {(moved?: boolean) => void} wake
 * @property {() => void} stop
 */

export {};
