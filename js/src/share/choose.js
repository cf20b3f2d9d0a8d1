/** One connection per browser where the browser can, else one per tab. */

import { Link } from "../link.js";
import { byLock } from "./lock.js";
import { byWorker } from "./port.js";

/** @import {Member, Source} from "./member.js" */

/** @typedef {"auto" | "worker" | "lock" | "none"} Share */

/**
 * @param {Member} member
 * @returns {Source}
 */
export function alone(member) {
  const { cursor, api, world, shared } = member;
  const link = new Link({ ...shared, cursor }, api, world, member);
  return { wake: (moved) => link.wake(moved), stop: () => link.close() };
}

/**
 * @param {Member} member
 * @param {Share} share where to begin; what a browser does not have falls through to the next
 * @returns {Source}
 */
export function choose(member, share) {
  const { worker, locks, channel } = member.world;
  /** @type {Source} */
  let source;
  const swap = (/** @type {() => Source} */ next) => {
    source.stop();
    source = next();
  };
  const open = () => {
    if (worker && share !== "lock") {
      try {
        // A worker that once lived can be started again.
        return byWorker(member, worker(), (alive) => swap(() => choose(member, alive ? share : "lock")));
      } catch {
        // The module is served from another origin: no worker can be made from it.
      }
    }
    return locks && channel ? byLock(member, locks, channel, () => swap(() => alone(member))) : alone(member);
  };
  source = open();
  return { wake: (moved) => source.wake(moved), stop: () => source.stop() };
}
