/** One tab that lives on what others hear: the moments that are hard to meet by chance. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Api } from "../src/http.js";
import { Follower } from "../src/share/follower.js";
import { FakeServer } from "../fakes/server.js";
import { FakeWorld, settle } from "../fakes/world.js";

/** @import {Member} from "../src/share/member.js" */

/** A follower that was welcomed at `e-0`, and what it passed on. */
function follower() {
  const server = new FakeServer();
  const { world } = new FakeWorld(server);
  /** @type {string[]} */
  const heard = [];
  /** @type {Member} */
  const member = {
    cursor: undefined,
    key: "k",
    shared: { url: "http://tidings.test", topics: [], transports: ["sse"], hasToken: false },
    api: new Api({ url: "http://tidings.test" }, world),
    world,
    event({ id, type }) {
      const line = `${type.split(".")[0]} ${id}`;
      if (type === "hello" || !heard.includes(line)) heard.push(line); // a connection drops what it has seen
      if (id) member.cursor = id;
    },
    status() {},
    over: (failure) => assert.fail(failure),
  };
  const tab = new Follower(member, () => {}, () => {});
  const hello = () => server.opening(null)[0];
  /** @param {number} seq @param {string} [term] */
  const tell = (seq, term = "one") =>
    tab.hear({ t: "event", term, event: { id: `e-${seq}`, type: "notification.created", data: {} } });
  /** @param {Partial<import("../src/share/words.js").Welcome>} how */
  const welcome = (how) =>
    tab.hear({
      t: "welcome", to: tab.id, term: "one", status: "open", transport: "sse", at: server.head, hello: hello(), fresh: true,
      ...how,
    });
  return { server, member, tab, heard, hello, tell, welcome };
}

test("what is told while it greets itself comes after the greeting", async () => {
  const { server, member, heard, tell, welcome } = follower();
  server.publish(2);
  member.cursor = "e-2";
  welcome({ fresh: false });
  tell(3);
  assert.deepEqual(heard, []);
  await settle();
  assert.deepEqual(heard, ["hello e-2", "notification e-3"]);
});

test("a hello from the leader makes its own superfluous", async () => {
  const { server, tab, heard, hello, welcome } = follower();
  server.publish();
  welcome({ fresh: false });
  tab.hear({ t: "event", term: "one", event: /** @type {any} */ (hello()) });
  await settle();
  assert.deepEqual(heard, ["hello e-1"]);
});

test("what a second leader says at the same time is a hint, not an event", async () => {
  const { server, heard, tell, welcome } = follower();
  welcome({});
  server.publish(3);
  tell(3, "two"); // ahead of the one it goes with
  tell(1, "one");
  await settle();
  assert.deepEqual(heard, ["hello e-0", "notification e-1", "notification e-2", "notification e-3"]);
});

test("what it cannot place yet is forgotten above a measure, and read instead", async () => {
  const { server, member, heard, tell, welcome } = follower();
  server.limit = 300;
  server.publish(2000);
  member.cursor = "e-100";
  welcome({ fresh: false });
  for (let seq = 1000; seq <= 1600; seq++) tell(seq);
  await settle();
  for (let seq = 1601; seq <= 2000; seq++) tell(seq);
  await settle();
  const ids = heard.slice(1).map((line) => Number(line.split("-")[1]));
  assert.deepEqual(ids, Array.from({ length: 1900 }, (_, index) => 101 + index));
});

test("words for others are not heard", async () => {
  const { server, tab, heard, hello } = follower();
  tab.hear({
    t: "welcome", to: "another", term: "one", status: "open", transport: "sse", at: server.head, hello: hello(), fresh: true,
  });
  await settle();
  assert.deepEqual(heard, []);
});
