/** Opens one connection per browser where the browser supports it, else one per tab. */

import { ReconnectingStream } from "../reconnecting-stream.js";
import { viaLock } from "./via-lock.js";
import { viaWorker } from "./via-worker.js";

/** @import {Source, Subscriber} from "./subscriber.js" */

/** @typedef {"auto" | "worker" | "lock" | "none"} Share */

/**
 * A connection of this tab alone.
 *
 * @param {Subscriber} subscriber
 * @returns {Source}
 */
export function openUnshared(subscriber) {
  const { cursor, http, env, shared } = subscriber;
  const stream = new ReconnectingStream({ ...shared, cursor }, http, env, subscriber);
  return { wake: (networkChanged) => stream.wake(networkChanged), stop: () => stream.close() };
}

/**
 * @param {Subscriber} subscriber
 * @param {Share} share the first way to try; one that the browser does not support falls through to the next
 * @returns {Source}
 */
export function openShared(subscriber, share) {
  const { worker, locks, channel } = subscriber.env;
  /** @type {Source} */
  let source;
  const replace = (/** @type {() => Source} */ next) => {
    source.stop();
    source = next();
  };
  const { log } = subscriber;
  const open = () => {
    if (worker && share !== "lock") {
      try {
        // A worker that once answered can be started again.
        return viaWorker(subscriber, worker(), (answered) => replace(() => openShared(subscriber, answered ? share : "lock")));
      } catch (error) {
        // The module is served from another origin, or the page may not start workers.
        log("no shared worker", { error });
      }
    }
    if (locks && channel) {
      try {
        return viaLock(subscriber, locks, channel, () => replace(() => openUnshared(subscriber)));
      } catch (error) {
        log("no broadcast channel", { error }); // cookies are blocked, or the frame is sandboxed or partitioned
      }
    }
    log("not shared", {});
    return openUnshared(subscriber);
  };
  source = open();
  return { wake: (networkChanged) => source.wake(networkChanged), stop: () => source.stop() };
}
