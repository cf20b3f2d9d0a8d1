/**
 * Leader election by Web Lock: the tab that holds the lock leads. The browser releases the lock when that tab ends,
 * however it ends; the other tabs queue for it and follow.
 */

import { Follower } from "./follower.js";
import { Leader } from "./leader.js";

/**
 * @import {FromLeader, FromTab} from "./messages.js"
 * @import {Source, Subscriber} from "./subscriber.js"
 * @import {Env} from "../env.js"
 */

/**
 * @param {Subscriber} subscriber
 * @param {NonNullable<Env["locks"]>} locks
 * @param {NonNullable<Env["channel"]>} openChannel
 * @param {() => void} onUnavailable this page gets no lock
 * @returns {Source}
 */
export function viaLock(subscriber, locks, openChannel, onUnavailable) {
  const name = `tidings ${subscriber.key}`;
  const channel = openChannel(name);
  /** @type {Leader | undefined} */
  let leader;
  /** @type {Follower | undefined} */
  let follower;
  let stopped = false;
  let queueing = new AbortController();
  /** @type {() => void} */
  let release = () => {};

  function follow() {
    follower = new Follower(
      subscriber,
      (message) => channel.postMessage(message),
      // The leader holds the lock and does not answer: its tab is frozen.
      () => queue({ steal: true }),
    );
  }

  function lead() {
    follower?.stop();
    follower = undefined;
    const { cursor, http, env, shared } = subscriber;
    /** @param {FromLeader} message */
    const broadcast = (message) => channel.postMessage(message);
    leader = new Leader({ ...shared, cursor }, http, env, broadcast, subscriber);
  }

  /** @param {LockOptions} [options] */
  async function queue(options) {
    queueing.abort(); // never two places in the queue
    queueing = new AbortController();
    const { signal } = queueing;
    try {
      await locks.request(name, options ?? { signal }, () => {
        if (stopped) return;
        lead();
        return new Promise((resolve) => (release = /** @type {() => void} */ (resolve)));
      });
    } catch (failure) {
      // This tab left the queue, or its lock was stolen because it was frozen.
      if (stopped || signal.aborted) return;
      // Or this page may not use locks: cookies are blocked, or it is sandboxed.
      if (!leader && /** @type {Error} */ (failure).name !== "AbortError") {
        return queueMicrotask(() => stopped || onUnavailable());
      }
      leader?.close();
      leader = undefined;
      follow();
      void queue();
    }
  }

  channel.onmessage = ({ data }) => {
    if (!leader) return follower?.receive(/** @type {FromLeader} */ (data));
    const message = /** @type {FromTab} */ (data);
    if (message.t === "join") {
      // A frozen page still answers messages, while its timers and its stream stand still: only a timer's answer counts.
      const answer = (/** @type {boolean} */ provisional) =>
        leader && !stopped && channel.postMessage(leader.welcome({ to: message.from, provisional }));
      answer(true);
      subscriber.env.after(0, () => answer(false));
    } else if (message.t === "wake") leader.wake(message.networkChanged);
  };
  follow();
  void queue();

  return {
    wake: (networkChanged) => (leader ?? follower)?.wake(networkChanged),
    stop() {
      stopped = true;
      follower?.stop();
      leader?.close();
      channel.close();
      queueing.abort();
      release();
    },
  };
}
