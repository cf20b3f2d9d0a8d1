/** The browser's APIs through which tabs of one origin share a connection. */

/**
 * @import {Env} from "./env.js"
 *
 * @returns {Pick<Env, "worker" | "locks" | "channel">}
 */
export const tabApis = () => ({
  worker:
    typeof SharedWorker === "function"
      ? () => new SharedWorker(new URL("./worker.js", import.meta.url), { type: "module", name: "tidings" })
      : undefined,
  // Only in a secure context: https or localhost.
  locks: globalThis.navigator?.locks,
  channel: typeof BroadcastChannel === "function" ? (name) => new BroadcastChannel(name) : undefined,
});
