/** A connection held by the SharedWorker, reached through this tab's port. */

import { TidingsError } from "../http.js";
import { Follower } from "./follower.js";

/**
 * @import {FromLeader, FromTab, SerializedFailure} from "./messages.js"
 * @import {Source, Subscriber} from "./subscriber.js"
 */

/**
 * @param {Subscriber} subscriber
 * @param {Pick<SharedWorker, "port" | "onerror">} worker
 * @param {(answered: boolean) => void} onLost it does not answer, or is gone; `answered`: whether it ever sent a message
 * @returns {Source}
 */
export function viaWorker(subscriber, worker, onLost) {
  const { port } = worker;
  /** @param {FromTab} message */
  const send = (message) => port.postMessage(message);
  const stopped = new AbortController();
  let answered = false;
  const lost = () => {
    if (!stopped.signal.aborted) onLost(answered);
  };
  const follower = new Follower(subscriber, send, lost);
  const { http } = subscriber;
  /** @param {string | undefined} dropped */
  const token = async (dropped) => {
    if (dropped && (await http.token()) === dropped) http.dropToken();
    return (await http.token()) ?? "";
  };
  /** @param {string} lock */
  const watch = async (lock) => subscriber.env.locks?.request(lock, { signal: stopped.signal }, lost);
  worker.onerror = lost; // its script did not load
  port.onmessage = async ({ data }) => {
    const message = /** @type {FromLeader} */ (data);
    if (!answered && message.t === "welcome" && message.lock) {
      // The worker may run in the process of a tab that crashes. Then its lock is free.
      watch(message.lock).catch(() => {}); // the page may not use locks
    }
    answered = true;
    if (message.t === "closed") subscriber.closed(deserialize(message.failure));
    else if (message.t !== "token") follower.receive(message);
    else send({ t: "token", token: await token(message.dropped).catch(() => "") }); // another tab may have one
  };
  return {
    wake: (networkChanged) => follower.wake(networkChanged),
    stop() {
      stopped.abort();
      follower.stop();
      send({ t: "leave" });
      port.close();
    },
  };
}

/** @param {SerializedFailure} failure */
const deserialize = ({ kind, message, ...more }) => new TidingsError(kind, message, more);
