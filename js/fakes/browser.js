/** Tabs of one browser: they share its clock, its locks, its channels and its worker. */

import { attachPort } from "../src/share/shared-connection.js";
import { FakeEnv } from "./env.js";

/**
 * @import {Env} from "../src/env.js"
 * @import {FakeServer} from "./server.js"
 */

/** @typedef {{grant: () => void, lose: () => void, tab: Tab}} LockRequest */

export class Browser {
  /** @type {Map<string, LockRequest[]>} the first holds the lock, the others queue */
  locks = new Map();
  /** @type {Set<{name: string, tab: Tab, receive: (data: any) => void}>} */
  channels = new Set();
  /** @type {Map<string, import("../src/share/shared-connection.js").SharedConnection>} */
  connections = new Map();
  hasWorker = false;
  livenessLock = "livenessLock 1"; // name of the lock that the worker holds
  hasLocks = true;

  /** @param {FakeServer} server */
  constructor(server) {
    this.server = server;
    this.clock = new FakeEnv(server);
    this.process = new Tab(this); // the process of the worker
  }

  tab() {
    return new Tab(this);
  }

  /** End the worker's process. */
  crashWorker() {
    const dead = this.process;
    this.connections = new Map();
    this.process = new Tab(this);
    this.livenessLock += "1";
    dead.crash();
  }
}

export class Tab {
  /** @type {(() => void)[] | undefined} callbacks that wait for a frozen tab to thaw */
  frozen;
  dead = false;
  /** Whether its timers and its network stand still while messages and locks go on, as in Chromium's frozen pages. */
  stalled = false;
  #page;
  #crashed = new AbortController();

  /** @param {Browser} browser */
  constructor(browser) {
    this.browser = browser;
    this.#page = new FakeEnv(browser.server);
  }

  /** @returns {Env} */
  get env() {
    const { browser } = this;
    const { env } = browser.clock;
    return {
      ...env,
      window: this.#page.window,
      document: /** @type {any} */ (this.#page.document),
      after: (milliseconds, run) => env.after(milliseconds, () => this.stalled || this.run(run)),
      fetch: (input, init) =>
        browser.server.fetch(input, { ...init, signal: AbortSignal.any([this.#crashed.signal, init?.signal ?? this.#crashed.signal]) }),
      locks: browser.hasLocks ? /** @type {any} */ ({ request: this.request }) : undefined,
      channel: browser.hasLocks ? this.#channel : undefined,
      worker: browser.hasWorker ? this.#worker : undefined,
    };
  }

  /** @param {() => void} callback */
  run(callback) {
    if (this.dead) return;
    if (this.frozen) this.frozen.push(callback);
    else callback();
  }

  /** End the tab without any event. */
  crash() {
    this.dead = true;
    this.#crashed.abort();
    for (const channel of this.browser.channels) if (channel.tab === this) this.browser.channels.delete(channel);
    for (const requests of this.browser.locks.values()) {
      const held = requests[0]?.tab === this;
      requests.splice(0, requests.length, ...requests.filter(({ tab }) => tab !== this));
      if (held) requests[0]?.grant();
    }
  }

  freeze() {
    this.frozen = [];
  }

  thaw() {
    const waiting = this.frozen ?? [];
    this.frozen = undefined;
    waiting.forEach((callback) => this.run(callback));
  }

  /** @param {"pagehide" | "pageshow" | "online"} name */
  fire(name) {
    this.#page.window.dispatchEvent(new Event(name));
  }

  show() {
    this.#page.show();
  }

  /** @param {string} name */
  #channel = (name) => {
    const { channels } = this.browser;
    const endpoint = {
      /** @type {any} */
      onmessage: null,
      close: () => channels.delete(own),
      postMessage: (/** @type {any} */ message) => {
        for (const other of channels) {
          if (other !== own && other.name === name) {
            const data = structuredClone(message);
            queueMicrotask(() => other.tab.run(() => channels.has(other) && other.receive(data)));
          }
        }
      },
    };
    const own = { name, tab: /** @type {Tab} */ (this), receive: (/** @type {any} */ data) => endpoint.onmessage?.({ data }) };
    channels.add(own);
    return endpoint;
  };

  /** @param {string} name @param {LockOptions} options @param {() => any} callback */
  request = (name, { signal, steal }, callback) =>
    new Promise((resolve, reject) => {
      const { locks } = this.browser;
      const requests = locks.get(name) ?? [];
      locks.set(name, requests);
      const withdraw = () => {
        const at = requests.indexOf(request);
        if (at >= 0) requests.splice(at, 1);
        if (at === 0) requests[0]?.grant();
      };
      let granted = false;
      const request = {
        tab: this,
        grant: () =>
          queueMicrotask(async () => {
            granted = true;
            await callback();
            withdraw();
            resolve(undefined);
          }),
        lose: () => this.run(() => reject(new DOMException("stolen", "AbortError"))),
      };
      if (steal) {
        requests.shift()?.lose();
        requests.unshift(request);
      } else requests.push(request);
      if (requests[0] === request) request.grant();
      signal?.addEventListener("abort", () => {
        if (granted) return;
        withdraw();
        reject(signal.reason);
      });
    });

  #worker = () => {
    const { browser } = this;
    let open = true;
    /** @param {(data: any) => void} deliver */
    const endpoint = (deliver) =>
      ({
        /** @type {any} */
        onmessage: null,
        postMessage: (/** @type {any} */ message) => {
          const data = structuredClone(message);
          queueMicrotask(() => deliver(data));
        },
        close: () => void (open = false),
      });
    const remote = endpoint((data) => this.run(() => open && own.onmessage?.({ data })));
    const own = endpoint((data) => remote.onmessage?.({ data }));
    const { process, livenessLock } = browser;
    if (!browser.locks.has(livenessLock)) void process.request(livenessLock, {}, () => new Promise(() => {}));
    attachPort(/** @type {any} */ (remote), browser.connections, process.env, browser.hasLocks ? livenessLock : undefined);
    return /** @type {any} */ ({ port: own, onerror: null });
  };
}
