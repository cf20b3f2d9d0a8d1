/** Tabs of one browser: they share its clock, its locks, its channels and its worker. */

import { admit } from "../src/share/group.js";
import { FakeWorld } from "./world.js";

/**
 * @import {World} from "../src/world.js"
 * @import {FakeServer} from "./server.js"
 */

/** @typedef {{grant: () => void, lose: () => void, tab: Tab}} Claim */

export class Browser {
  /** @type {Map<string, Claim[]>} the first holds the lock */
  locks = new Map();
  /** @type {Set<{name: string, tab: Tab, hear: (data: any) => void}>} */
  channels = new Set();
  /** @type {Map<string, import("../src/share/group.js").Group>} */
  groups = new Map();
  hasWorker = false;
  life = "life 1"; // the lock that the worker holds
  hasLocks = true;

  /** @param {FakeServer} server */
  constructor(server) {
    this.server = server;
    this.clock = new FakeWorld(server);
    this.process = new Tab(this); // what the worker lives in
  }

  tab() {
    return new Tab(this);
  }

  /** The process that the worker lives in is gone. */
  crashWorker() {
    const dead = this.process;
    this.groups = new Map();
    this.process = new Tab(this);
    this.life += "1";
    dead.crash();
  }
}

export class Tab {
  /** @type {(() => void)[] | undefined} what waits for a frozen tab to thaw */
  frozen;
  dead = false;
  #page;
  #end = new AbortController();

  /** @param {Browser} browser */
  constructor(browser) {
    this.browser = browser;
    this.#page = new FakeWorld(browser.server);
  }

  /** @returns {World} */
  get world() {
    const { browser } = this;
    const { world } = browser.clock;
    return {
      ...world,
      window: this.#page.window,
      document: /** @type {any} */ (this.#page.document),
      after: (milliseconds, run) => world.after(milliseconds, () => this.run(run)),
      fetch: (input, init) =>
        browser.server.fetch(input, { ...init, signal: AbortSignal.any([this.#end.signal, init?.signal ?? this.#end.signal]) }),
      locks: browser.hasLocks ? /** @type {any} */ ({ request: this.request }) : undefined,
      channel: browser.hasLocks ? this.#channel : undefined,
      worker: browser.hasWorker ? this.#worker : undefined,
    };
  }

  /** @param {() => void} what */
  run(what) {
    if (this.dead) return;
    if (this.frozen) this.frozen.push(what);
    else what();
  }

  /** It is gone, without a word. */
  crash() {
    this.dead = true;
    this.#end.abort();
    for (const channel of this.browser.channels) if (channel.tab === this) this.browser.channels.delete(channel);
    for (const claims of this.browser.locks.values()) {
      const held = claims[0]?.tab === this;
      claims.splice(0, claims.length, ...claims.filter(({ tab }) => tab !== this));
      if (held) claims[0]?.grant();
    }
  }

  freeze() {
    this.frozen = [];
  }

  thaw() {
    const waiting = this.frozen ?? [];
    this.frozen = undefined;
    waiting.forEach((what) => this.run(what));
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
    const end = {
      /** @type {any} */
      onmessage: null,
      close: () => channels.delete(mine),
      postMessage: (/** @type {any} */ message) => {
        for (const other of channels) {
          if (other !== mine && other.name === name) {
            const data = structuredClone(message);
            queueMicrotask(() => other.tab.run(() => channels.has(other) && other.hear(data)));
          }
        }
      },
    };
    const mine = { name, tab: /** @type {Tab} */ (this), hear: (/** @type {any} */ data) => end.onmessage?.({ data }) };
    channels.add(mine);
    return end;
  };

  /** @param {string} name @param {LockOptions} how @param {() => any} use */
  request = (name, { signal, steal }, use) =>
    new Promise((resolve, reject) => {
      const { locks } = this.browser;
      const claims = locks.get(name) ?? [];
      locks.set(name, claims);
      const leave = () => {
        const at = claims.indexOf(claim);
        if (at >= 0) claims.splice(at, 1);
        if (at === 0) claims[0]?.grant();
      };
      let granted = false;
      const claim = {
        tab: this,
        grant: () =>
          queueMicrotask(async () => {
            granted = true;
            await use();
            leave();
            resolve(undefined);
          }),
        lose: () => this.run(() => reject(new DOMException("stolen", "AbortError"))),
      };
      if (steal) {
        claims.shift()?.lose();
        claims.unshift(claim);
      } else claims.push(claim);
      if (claims[0] === claim) claim.grant();
      signal?.addEventListener("abort", () => {
        if (granted) return;
        leave();
        reject(signal.reason);
      });
    });

  #worker = () => {
    const { browser } = this;
    let open = true;
    /** @param {(data: any) => void} deliver */
    const end = (deliver) =>
      ({
        /** @type {any} */
        onmessage: null,
        postMessage: (/** @type {any} */ message) => {
          const data = structuredClone(message);
          queueMicrotask(() => deliver(data));
        },
        close: () => void (open = false),
      });
    const theirs = end((data) => this.run(() => open && mine.onmessage?.({ data })));
    const mine = end((data) => theirs.onmessage?.({ data }));
    const { process, life } = browser;
    if (!browser.locks.has(life)) void process.request(life, {}, () => new Promise(() => {}));
    admit(/** @type {any} */ (theirs), browser.groups, process.world, browser.hasLocks ? life : undefined);
    return /** @type {any} */ ({ port: mine, onerror: null });
  };
}
