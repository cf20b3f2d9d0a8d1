/**
 * What tabs and their leader say to each other, over a MessagePort or a BroadcastChannel.
 *
 * The leader holds the connection. What it tells is, to a tab that stands at the same place, the next event;
 * to any other tab it is a hint to read the log from its own cursor.
 *
 * @import {Kind} from "../http.js"
 * @import {LinkOptions, Status} from "../link.js"
 * @import {Transport} from "../ladder.js"
 * @import {TidingsEvent} from "../transports/attempt.js"
 *
 * @typedef {{t: "welcome", to?: string, missed?: boolean, life?: string, term: string, status: Status, transport: Transport,
 *   at?: string, hello?: TidingsEvent, fresh: boolean}} Welcome to one that joined: where the leader stands;
 *   `missed` if it may not have heard everything; `life` is a lock that nobody gets while the worker lives
 * @typedef {{t: "event", term: string, event: TidingsEvent}} Told
 * @typedef {{t: "status", term: string, status: Status, transport: Transport}} Changed
 * @typedef {{t: "over", failure?: Ending}} Over
 * @typedef {{t: "token"}} Asked the worker has no token of its own
 * @typedef {Welcome | Told | Changed | Over | Asked} FromLeader
 *
 * @typedef {{kind: Kind, message: string, status?: number, code?: string}} Ending a `Failure` that can be cloned
 *
 * @typedef {{t: "join", from: string, key: string, cursor?: string, options: Shared}} Join also says "still here"
 * @typedef {{t: "wake", moved?: boolean}} Wake
 * @typedef {{t: "bye"}} Bye
 * @typedef {{t: "token", token: string}} Token
 * @typedef {Join | Wake | Bye | Token} FromTab
 *
 * @typedef {Omit<LinkOptions, "cursor"> & {url: string, user?: string, credentials?: RequestCredentials,
 *   hasToken: boolean}} Shared what a connection is opened with, as far as it can be cloned
 */

export const LEASE = 20_000; // ms between two signs of life of a tab
export const ANSWER = 5000; // ms for the leader to answer one
