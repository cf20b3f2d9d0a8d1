/**
 * The environment: clock, randomness and network, passed in so that tests can replace them.
 *
 * @typedef {object} Env
 * @property {() => number} now wall clock, milliseconds; unlike a timer it advances while the page or machine sleeps
 * @property {(milliseconds: number, run: () => void) => () => void} after schedules `run`; returns a function that cancels it
 * @property {() => number} random from 0 to 1
 * @property {typeof globalThis.fetch} fetch
 * @property {(url: string) => WebSocket} socket
 * @property {Pick<EventTarget, "addEventListener">} [window] dispatches `pagehide`, `pageshow`, `online`; in a worker, its scope
 * @property {Pick<Document, "hidden" | "addEventListener">} [document] dispatches `visibilitychange`
 * @property {() => Pick<SharedWorker, "port" | "onerror">} [worker]
 * @property {Pick<LockManager, "request">} [locks]
 * @property {(name: string) => Pick<BroadcastChannel, "postMessage" | "onmessage" | "close">} [channel]
 */

const MAX_TIMEOUT = 2_147_483_647; // milliseconds; a longer timeout overflows and fires at once (HTML, section 8.7)

/** @returns {Env} */
export const defaultEnv = () => ({
  now: Date.now,
  after: (milliseconds, run) => {
    const timer = setTimeout(run, Math.min(milliseconds, MAX_TIMEOUT));
    return () => clearTimeout(timer);
  },
  random: Math.random,
  fetch: (...request) => fetch(...request),
  socket: (url) => new WebSocket(url),
  window: "addEventListener" in globalThis ? globalThis : undefined,
  document: globalThis.document,
});

/** @typedef {boolean | ((message: string, details?: object) => void)} Debug true logs with `console.debug` */

/**
 * The function that logs what happens to a connection, and why.
 *
 * @param {Debug} [debug]
 * @returns {(message: string, details?: object) => void}
 */
export const createLog = (debug) =>
  typeof debug === "function" ? debug : debug ? (message, details) => console.debug(`tidings: ${message}`, details) : () => {};

/**
 * Resolves after a delay, or at once when the signal is aborted.
 *
 * @param {Env} env
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export const sleep = (env, milliseconds, signal) =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const cancel = env.after(milliseconds, done);
    signal.addEventListener("abort", done);
  });
