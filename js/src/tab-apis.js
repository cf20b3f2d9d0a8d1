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

/** @type {string | URL | undefined} */
let workerUrl;

/**
 * The address of the worker, as Trusted Types ask for it: from a policy, which makes this address only. It is made once:
 * a page may allow one policy of a name, or none, which throws.
 */
function trustedWorkerUrl() {
  const url = new URL("./worker.js", import.meta.url);
  const { trustedTypes } = /** @type {any} */ (globalThis);
  const policy = trustedTypes?.createPolicy("tidings", { createScriptURL: () => url });
  return policy?.createScriptURL("") ?? url;
}

/** @returns {Pick<Env, "worker" | "locks" | "channel">} */
export const tabApis = () => ({
  // WebKit suspends the worker with a page that goes into its back/forward cache, before the worker hears that the page
  // has left: the stream would stay open.
  worker:
    offered(() => (/^Apple/.test(navigator.vendor) ? undefined : SharedWorker)) &&
    (() => new SharedWorker((workerUrl ??= trustedWorkerUrl()), { type: "module", name: "tidings" })),
  // Only in a secure context: https or localhost.
  locks: offered(() => navigator.locks),
  channel: offered(() => BroadcastChannel) && ((name) => new BroadcastChannel(name)),
});
