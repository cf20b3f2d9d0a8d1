/** The follower alone: interleavings that are hard to reach by chance. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { HttpClient } from "../src/http.js";
import { Follower } from "../src/share/follower.js";
import { FakeServer } from "../fakes/server.js";
import { FakeEnv, settle } from "../fakes/env.js";

/** @import {Subscriber} from "../src/share/subscriber.js" */

/** A follower that was welcomed at `e-0`, and what it passed on. */
function follower() {
  const server = new FakeServer();
  const { env } = new FakeEnv(server);
  /** @type {string[]} */
  const received = [];
  /** @type {Subscriber} */
  const subscriber = {
    cursor: undefined,
    key: "k",
    shared: { url: "http://tidings.test", topics: [], transports: ["sse"], hasToken: false },
    http: new HttpClient({ url: "http://tidings.test" }, env),
    env,
    event({ id, type }) {
      const line = `${type.split(".")[0]} ${id}`;
      if (type === "hello" || !received.includes(line)) received.push(line); // a connection drops what it has seen
      if (id) subscriber.cursor = id;
    },
    status() {},
    log() {},
    closed: (failure) => assert.fail(failure),
  };
  const tab = new Follower(subscriber, () => {}, () => {});
  const hello = () => server.opening(null)[0];
  /** @param {number} seq @param {string} [term] */
  const send = (seq, term = "one") =>
    tab.receive({ t: "event", term, event: { id: `e-${seq}`, type: "notification.created", data: {} } });
  /** @param {Partial<import("../src/share/messages.js").Welcome>} more */
  const welcome = (more) =>
    tab.receive({
      t: "welcome", to: tab.id, term: "one", status: "open", transport: "sse", at: server.head, hello: hello(), helloIsCurrent: true,
      ...more,
    });
  return { server, subscriber, tab, received, hello, send, welcome };
}

test("an event that comes while the tab fetches its hello is delivered after the hello", async () => {
  const { server, subscriber, received, send, welcome } = follower();
  server.publish(2);
  subscriber.cursor = "e-2";
  welcome({ helloIsCurrent: false });
  send(3);
  assert.deepEqual(received, []);
  await settle();
  assert.deepEqual(received, ["hello e-2", "notification e-3"]);
});

test("a hello from the leader replaces the tab's own", async () => {
  const { server, tab, received, hello, welcome } = follower();
  server.publish();
  welcome({ helloIsCurrent: false });
  tab.receive({ t: "event", term: "one", event: /** @type {any} */ (hello()) });
  await settle();
  assert.deepEqual(received, ["hello e-1"]);
});

test("an event from a second leader is a hint to read", async () => {
  const { server, received, send, welcome } = follower();
  welcome({});
  server.publish(3);
  send(3, "two"); // ahead of the one it goes with
  send(1, "one");
  await settle();
  assert.deepEqual(received, ["hello e-0", "notification e-1", "notification e-2", "notification e-3"]);
});

test("pending events beyond the limit are dropped, and read from the log", async () => {
  const { server, subscriber, received, send, welcome } = follower();
  server.limit = 300;
  server.publish(2000);
  subscriber.cursor = "e-100";
  welcome({ helloIsCurrent: false });
  for (let seq = 1000; seq <= 1600; seq++) send(seq);
  await settle();
  for (let seq = 1601; seq <= 2000; seq++) send(seq);
  await settle();
  const ids = received.slice(1).map((line) => Number(line.split("-")[1]));
  assert.deepEqual(ids, Array.from({ length: 1900 }, (_, index) => 101 + index));
});

test("messages for other tabs are ignored", async () => {
  const { server, tab, received, hello } = follower();
  tab.receive({
    t: "welcome", to: "another", term: "one", status: "open", transport: "sse", at: server.head, hello: hello(), helloIsCurrent: true,
  });
  await settle();
  assert.deepEqual(received, []);
});
