/**
 * Time, chance and the network come in by this door, so that tests can hand in their own.
 *
 * @typedef {object} World
 * @property {() => number} now wall clock, milliseconds: unlike a timer it goes on while a page or a machine sleeps
 * @property {(milliseconds: number, run: () => void) => () => void} after runs it then, unless what is returned is called
 * @property {() => number} random from 0 to 1
 * @property {typeof globalThis.fetch} fetch
 * @property {(url: string) => WebSocket} socket
 * @property {Pick<EventTarget, "addEventListener">} [window] tells of `pagehide`, `pageshow`, `online`; a worker's own
 * @property {Pick<Document, "hidden" | "addEventListener">} [document] tells of `visibilitychange`
 * @property {() => Pick<SharedWorker, "port" | "onerror">} [worker]
 * @property {Pick<LockManager, "request">} [locks]
 * @property {(name: string) => Pick<BroadcastChannel, "postMessage" | "onmessage" | "close">} [channel]
 */

const LONGEST = 2_147_483_647; // milliseconds; what is longer, timers take for nothing (HTML, section 8.7)

/** @returns {World} */
export const realWorld = () => ({
  now: () => Date.now(),
  after: (milliseconds, run) => {
    const timer = setTimeout(run, Math.min(milliseconds, LONGEST));
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
  fetch: (...request) => fetch(...request),
  socket: (url) => new WebSocket(url),
  window: typeof addEventListener === "function" ? globalThis : undefined,
  document: globalThis.document,
});

/**
 * Resolves after a time, or sooner when the signal is aborted.
 *
 * @param {World} world
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export const sleep = (world, milliseconds, signal) =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const cancel = world.after(milliseconds, done);
    signal.addEventListener("abort", done);
  });
