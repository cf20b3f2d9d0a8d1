/**
 * The messages between tabs and their leader, over a MessagePort or a BroadcastChannel.
 *
 * The leader holds the connection. An event it sends is the next event for a tab at the same cursor; any other tab
 * takes it as a hint to read the log from its own cursor.
 *
 * @import {FailureKind} from "../http.js"
 * @import {StreamOptions, Status} from "../reconnecting-stream.js"
 * @import {Transport} from "../transport-fallback.js"
 * @import {TidingsEvent} from "../transports/attempt.js"
 *
 * @typedef {{t: "welcome", to?: string, missed?: boolean, lock?: string, provisional?: boolean, term: string, status: Status, transport: Transport,
 *   at?: string, hello?: TidingsEvent, helloIsCurrent: boolean}} Welcome the leader's state, for a tab that joined;
 *   `missed`: the tab may have missed messages; `lock`: a lock that is held while the worker lives;
 *   `provisional`: another answer follows, which shows that the leader's timers run
 * @typedef {{t: "event", term: string, event: TidingsEvent}} EventMessage
 * @typedef {{t: "status", term: string, status: Status, transport: Transport, provisional?: undefined}} StatusMessage
 * @typedef {{t: "closed", failure: SerializedFailure}} ClosedMessage
 * @typedef {{t: "token", dropped?: string}} TokenRequest from the worker, which has no token of its own; `dropped`: the one
 *   that it does not want again
 * @typedef {{t: "log", message: string, details: object}} LogMessage
 * @typedef {Welcome | EventMessage | StatusMessage | ClosedMessage | TokenRequest | LogMessage} FromLeader
 *
 * @typedef {{kind: FailureKind, message: string, status?: number, code?: string}} SerializedFailure a `TidingsError` that can be cloned
 *
 * @typedef {{t: "join", from: string, key: string, cursor?: string, options: SharedOptions}} Join also the tab's keep-alive
 * @typedef {{t: "wake", networkChanged?: boolean}} Wake
 * @typedef {{t: "leave"}} Leave
 * @typedef {{t: "token", token: string}} TokenResponse
 * @typedef {Join | Wake | Leave | TokenResponse} FromTab
 *
 * @typedef {Omit<StreamOptions, "cursor"> & {url: string, user?: string, credentials?: RequestCredentials,
 *   hasToken: boolean}} SharedOptions the options of a connection that can be cloned
 */

export const KEEPALIVE_INTERVAL = 20_000; // ms between two signs of life of a tab
export const LEADER_TIMEOUT = 5000; // ms for the leader to answer one
