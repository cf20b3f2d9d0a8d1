/** What a browser has for tabs to find each other. */

/**
 * @import {World} from "./world.js"
 *
 * @returns {Pick<World, "worker" | "locks" | "channel">}
 */
export const realTabs = () => ({
  worker:
    typeof SharedWorker === "function"
      ? () => new SharedWorker(new URL("./worker.js", import.meta.url), { type: "module", name: "tidings" })
      : undefined,
  // Only in a secure context: https, or this very machine.
  locks: globalThis.navigator?.locks,
  channel: typeof BroadcastChannel === "function" ? (name) => new BroadcastChannel(name) : undefined,
});
