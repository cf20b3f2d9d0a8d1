/** The SharedWorker: holds one connection for all tabs of this browser that ask for the same one. */

import { defaultEnv } from "./env.js";
import { attachPort } from "./share/shared-connection.js";

// Puts the worker's code into the same chunk as the page's, which then weighs less.
export { connect } from "./stream.js";

/** @type {Map<string, import("./share/shared-connection.js").SharedConnection>} */
const connections = new Map();

/** Name of a lock held until this worker ends, however it ends; a tab that gets the lock knows. @type {Promise<string | undefined>} */
const livenessLock = new Promise((resolve) => {
  const name = `tidings ${Date.now()} ${Math.random()}`;
  const hold = async () => {
    await navigator.locks.request(name, () => {
      resolve(name);
      return new Promise(() => {});
    });
  };
  hold().catch(() => resolve(undefined)); // there are none, or they are refused
});

addEventListener("connect", async (event) => {
  const { ports } = /** @type {MessageEvent} */ (event);
  const lock = await livenessLock;
  for (const port of ports) attachPort(port, connections, defaultEnv(), lock);
});
