/** The browser's APIs that tabs share a connection through, where the page may not use them. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { tabApis } from "../src/tab-apis.js";

const originals = Object.getOwnPropertyDescriptors(globalThis);
const refuse = () => {
  throw new DOMException("The operation is insecure.", "SecurityError");
};

/** @param {string} name @param {PropertyDescriptor} descriptor */
const define = (name, descriptor) => Object.defineProperty(globalThis, name, { configurable: true, ...descriptor });

afterEach(() => {
  for (const name of ["SharedWorker", "BroadcastChannel", "navigator"]) {
    const original = Object.getOwnPropertyDescriptor(originals, name)?.value;
    if (original) Object.defineProperty(globalThis, name, original);
    else Reflect.deleteProperty(globalThis, name);
  }
});

test("locks whose getter throws are no locks", () => {
  define("navigator", { value: Object.defineProperty({}, "locks", { get: refuse }) });
  assert.equal(tabApis().locks, undefined);
});

for (const name of /** @type {const} */ (["SharedWorker", "BroadcastChannel"])) {
  test(`${name} whose getter throws is not there`, () => {
    define(name, { get: refuse });
    assert.equal(name === "SharedWorker" ? tabApis().worker : tabApis().channel, undefined);
  });
}

test("WebKit is offered no worker: it would keep the stream of a page that was left", () => {
  define("SharedWorker", { value: class {} });
  define("navigator", { value: { vendor: "Google Inc." } });
  assert.equal(typeof tabApis().worker, "function");
  define("navigator", { value: { vendor: "Apple Computer, Inc." } });
  assert.equal(tabApis().worker, undefined);
});

test("the worker starts without locks where they are refused", async () => {
  for (const locks of [{ request: refuse }, { request: () => Promise.reject(new DOMException("not here")) }]) {
    define("navigator", { value: { locks } });
    /** @type {((event: any) => void)[]} */
    const connects = [];
    define("addEventListener", { value: (/** @type {string} */ name, /** @type {any} */ run) => name === "connect" && connects.push(run) });
    await import(`../src/worker.js?${Math.random()}`);
    const port = { onmessage: null, postMessage() {} };
    for (const run of connects) await run({ ports: [port] });
    assert.equal(typeof port.onmessage, "function");
  }
  Reflect.deleteProperty(globalThis, "addEventListener");
});
