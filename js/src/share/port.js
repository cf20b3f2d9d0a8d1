/** The connection lives in a SharedWorker; this tab is one of its ports. */

import { Failure } from "../http.js";
import { Follower } from "./follower.js";

/**
 * @import {Ending, FromLeader, FromTab} from "./words.js"
 * @import {Member, Source} from "./member.js"
 */

/**
 * @param {Member} member
 * @param {Pick<SharedWorker, "port" | "onerror">} worker
 * @param {(alive: boolean) => void} lost it does not answer, or is gone; whether it ever said anything
 * @returns {Source}
 */
export function byWorker(member, worker, lost) {
  const { port } = worker;
  /** @param {FromTab} message */
  const say = (message) => port.postMessage(message);
  const done = new AbortController();
  let alive = false;
  const gone = () => {
    if (!done.signal.aborted) lost(alive);
  };
  const follower = new Follower(member, say, gone);
  const token = async () => (await member.getToken?.()) ?? "";
  worker.onerror = gone; // its script did not load
  port.onmessage = async ({ data }) => {
    const message = /** @type {FromLeader} */ (data);
    if (!alive && message.t === "welcome" && message.life) {
      // It may live in the process of a tab that crashes. Then its lock is free.
      member.world.locks?.request(message.life, { signal: done.signal }, gone).catch(() => {});
    }
    alive = true;
    if (message.t === "over") member.over(message.failure && revived(message.failure));
    else if (message.t !== "token") follower.hear(message);
    else say({ t: "token", token: await token().catch(() => "") }); // another tab may know better
  };
  return {
    wake: (moved) => follower.wake(moved),
    stop() {
      done.abort();
      follower.stop();
      say({ t: "bye" });
      port.close();
    },
  };
}

/** @param {Ending} ending */
const revived = ({ kind, message, ...more }) => new Failure(kind, message, more);
