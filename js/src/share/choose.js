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
  if (worker && share !== "lock") {
    try {
      /** @type {Source} */
      let source;
      const lost = (/** @type {boolean} */ alive) => {
        source.stop();
        source = choose(member, alive ? share : "lock"); // a worker that once lived can be started again
      };
      source = byWorker(member, worker(), lost);
      return { wake: (moved) => source.wake(moved), stop: () => source.stop() };
    } catch {
      // The module is served from another origin: no worker can be made from it.
    }
  }
  if (!locks || !channel) return alone(member);
  /** @type {Source} */
  let source;
  const lost = () => {
    source.stop();
    source = alone(member);
  };
  source = byLock(member, locks, channel, lost);
  return { wake: (moved) => source.wake(moved), stop: () => source.stop() };
}
