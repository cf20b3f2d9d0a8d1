/** The browser's APIs through which tabs of one origin share a connection. */

/**
 * @import {Env} from "./env.js"
 */

/**
 * What a browser offers, or undefined: it lacks it, or the page may not even ask (cookies blocked, a sandboxed frame).
 *
 * @template T
 * @param {() => T} get
 */
function offered(get) {
  try {
    return get();
  } catch {}
}

/** @returns {Pick<Env, "worker" | "locks" | "channel">} */
export const tabApis = () => ({
  // WebKit suspends the worker with a page that goes into its back/forward cache, before the worker hears that the page
  // has left: the stream would stay open.
  worker:
    offered(() => (/^Apple/.test(navigator.vendor) ? undefined : SharedWorker)) &&
    (() => new SharedWorker(new URL("./worker.js", import.meta.url), { type: "module", name: "tidings" })),
  // Only in a secure context: https or localhost.
  locks: offered(() => navigator.locks),
  channel: offered(() => BroadcastChannel) && ((name) => new BroadcastChannel(name)),
});
