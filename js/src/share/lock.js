/**
 * Tabs choose a leader: whoever holds the lock. The browser hands it on the moment that tab is gone, however it
 * went. The others wait in line, and listen.
 */

import { Follower } from "./follower.js";
import { Leader } from "./leader.js";

/**
 * @import {FromLeader, FromTab} from "./words.js"
 * @import {Member, Source} from "./member.js"
 * @import {World} from "../world.js"
 */

/**
 * @param {Member} member
 * @param {NonNullable<World["locks"]>} locks
 * @param {NonNullable<World["channel"]>} open
 * @param {() => void} lost this page gets no lock: it has to do without
 * @returns {Source}
 */
export function byLock(member, locks, open, lost) {
  const name = `tidings ${member.key}`;
  const channel = open(name);
  /** @type {Leader | undefined} */
  let leader;
  /** @type {Follower | undefined} */
  let follower;
  let stopped = false;
  let line = new AbortController();
  /** @type {() => void} */
  let release = () => {};

  function follow() {
    const one = new Follower(
      member,
      (message) => channel.postMessage(message),
      // The leader holds the lock and does not answer: its tab is frozen.
      () => queue({ steal: true }),
    );
    follower = one;
  }

  function lead() {
    follower?.stop();
    follower = undefined;
    const { cursor, api, world, shared } = member;
    /** @param {FromLeader} message */
    const tell = (message) => channel.postMessage(message);
    leader = new Leader({ ...shared, cursor }, api, world, tell, member);
  }

  /** @param {LockOptions} [how] */
  async function queue(how) {
    line.abort(); // two places in line would be one too many
    line = new AbortController();
    const { signal } = line;
    try {
      await locks.request(name, how ?? { signal }, () => {
        if (stopped) return;
        lead();
        return new Promise((resolve) => (release = /** @type {() => void} */ (resolve)));
      });
    } catch (failure) {
      // Out of line, or the lock was taken from us, because we slept.
      if (stopped || signal.aborted) return;
      // Or this page may have no locks: cookies are blocked, or it is in a sandbox.
      if (!leader && /** @type {Error} */ (failure).name !== "AbortError") return queueMicrotask(() => stopped || lost());
      leader?.close();
      leader = undefined;
      follow();
      void queue();
    }
  }

  channel.onmessage = ({ data }) => {
    if (!leader) return follower?.hear(/** @type {FromLeader} */ (data));
    const message = /** @type {FromTab} */ (data);
    if (message.t === "join") channel.postMessage(leader.welcome({ to: message.from }));
    else if (message.t === "wake") leader.wake(message.moved);
  };
  follow();
  void queue();

  return {
    wake: (moved) => (leader ?? follower)?.wake(moved),
    stop() {
      stopped = true;
      follower?.stop();
      leader?.close();
      channel.close();
      line.abort();
      release();
    },
  };
}
