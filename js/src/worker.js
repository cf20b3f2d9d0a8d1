/** The SharedWorker: one connection for all tabs of this browser that want the same one. */

import { admit } from "./share/group.js";
import { realWorld } from "./world.js";

/** @type {Map<string, import("./share/group.js").Group>} */
const groups = new Map();

/** A lock that is held until this worker is gone, however it goes: whoever gets it knows. @type {Promise<string | undefined>} */
const life = new Promise((resolve) => {
  const { locks } = navigator;
  const name = `tidings ${Date.now()} ${Math.random()}`;
  if (!locks) return resolve(undefined);
  void locks.request(name, () => {
    resolve(name);
    return new Promise(() => {});
  });
});

addEventListener("connect", async (event) => {
  const { ports } = /** @type {MessageEvent} */ (event);
  const name = await life;
  for (const port of ports) admit(port, groups, realWorld(), name);
});
