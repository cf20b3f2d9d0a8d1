/** Many tabs, one connection: the same tests for the worker and for the lock. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { connect } from "../src/stream.js";
import { Browser } from "../fakes/browser.js";
import { FakeServer, problem } from "../fakes/server.js";
import { settle } from "../fakes/env.js";

/** @import {Options} from "../src/stream.js" */
/** @import {Tab} from "../fakes/browser.js" */

/** @param {Tab} tab @param {Options} [options] */
function open(tab, options) {
  const connection = connect({ url: "http://tidings.test", user: "alice", env: tab.env, ...options });
  /** @type {any[]} */
  const events = [];
  connection.addEventListener("event", (event) => events.push(/** @type {CustomEvent} */ (event).detail));
  return {
    tab,
    connection,
    events,
    created: () => events.filter(({ type }) => type === "notification.created").map(({ id }) => id),
    types: () => events.map(({ type }) => type.split(".")[0]),
  };
}

/** @param {"worker" | "lock" | "none"} sharing */
function browserWith(sharing, server = new FakeServer()) {
  const browser = new Browser(server);
  browser.hasWorker = sharing === "worker";
  browser.hasLocks = sharing !== "none";
  return { browser, server };
}

const ids = (/** @type {FakeServer} */ server, from = 0) => server.log.slice(from).map(({ id }) => id);

for (const sharing of /** @type {const} */ (["worker", "lock"])) {
  test(`${sharing}: eight tabs hold one stream, each starts with hello, each gets everything`, async () => {
    const { browser, server } = browserWith(sharing);
    const tabs = Array.from({ length: 8 }, () => open(browser.tab()));
    await settle();
    assert.equal(server.streams.size, 1);
    server.publish(3);
    await settle();
    for (const { events, created, connection } of tabs) {
      assert.equal(events[0].type, "hello");
      assert.deepEqual(created(), ["e-1", "e-2", "e-3"]);
      assert.deepEqual([connection.status, connection.transport, connection.cursor], ["open", "sse", "e-3"]);
    }
    tabs.forEach(({ connection }) => connection.close());
    await browser.clock.advance(0);
    assert.deepEqual([server.streams.size, browser.clock.timers, browser.connections.size, browser.channels.size], [0, 0, 0, 0]);
  });

  test(`${sharing}: a late tab is sent the hello, while it is current`, async () => {
    const { browser, server } = browserWith(sharing);
    const first = open(browser.tab());
    await settle();
    const late = open(browser.tab());
    await settle();
    assert.deepEqual(late.events, first.events);
    assert.equal(server.requests.length, 1);
  });

  test(`${sharing}: later it asks for counters of its own, and misses nothing from then on`, async () => {
    const { browser, server } = browserWith(sharing);
    const first = open(browser.tab());
    await settle();
    server.publish(2);
    await settle();
    const late = open(browser.tab());
    await settle();
    assert.deepEqual([late.events[0].id, late.events[0].data.counters.unread], ["e-2", 2]);
    assert.equal(late.events[0].data.heartbeat, 25);
    server.publish(3);
    await settle();
    assert.deepEqual(late.created(), ["e-3", "e-4", "e-5"]);
    const requests = server.requests.length;
    server.publish(3);
    await settle();
    assert.deepEqual(late.created(), ids(server, 2));
    assert.equal(server.requests.length, requests, "once in sync it needs no requests of its own");
    assert.deepEqual(first.created(), ids(server));
  });

  test(`${sharing}: a tab that brings a cursor gets what came after it, whichever is ahead`, async () => {
    const { browser, server } = browserWith(sharing);
    server.publish(9);
    const first = open(browser.tab());
    await settle();
    server.publish();
    await settle();
    const behind = open(browser.tab(), { cursor: "e-4" });
    await settle();
    assert.deepEqual([behind.events[0].type, behind.events[0].id], ["hello", "e-4"]);
    assert.deepEqual(behind.created(), ids(server, 4));
    // The leader is delayed; a page that was just loaded is ahead of it.
    server.buffering = true;
    server.publish(2);
    const ahead = open(browser.tab(), { cursor: "e-12" });
    await settle();
    server.buffering = false;
    for (const stream of server.streams) {
      for (const { id, type, data } of server.log.slice(10)) {
        stream.send(`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
      }
    }
    server.publish(2);
    await settle();
    assert.deepEqual(ahead.created(), ["e-13", "e-14"]);
    assert.deepEqual(first.created(), ids(server, 9));
    assert.deepEqual(behind.created(), ids(server, 4));
  });

  test(`${sharing}: a tab ahead of the leader in the same epoch reads nothing, and repeats nothing`, async () => {
    const { browser, server } = browserWith(sharing);
    const first = open(browser.tab());
    await settle();
    server.buffering = true;
    server.publish(3);
    await settle();
    server.buffering = false;
    const ahead = open(browser.tab(), { cursor: "e-2" });
    await settle();
    const polls = server.requests.filter((request) => request.includes("/v1/poll")).length;
    for (const stream of server.streams) {
      for (const { id, type, data } of server.log) stream.send(`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
    }
    await settle();
    assert.deepEqual([first.created(), ahead.created()], [["e-1", "e-2", "e-3"], ["e-3"]]);
    assert.equal(polls, 0);
  });

  test(`${sharing}: after a tab ends the others continue without loss, within a second`, async () => {
    const { browser, server } = browserWith(sharing);
    const tabs = Array.from({ length: 6 }, () => open(browser.tab()));
    await settle();
    for (const [index, gone] of tabs.entries()) {
      server.publish(2);
      await settle();
      if (index % 3 === 0) gone.tab.crash();
      else if (index % 3 === 1) gone.connection.close();
      else gone.tab.fire("pagehide");
      server.publish(2);
      await browser.clock.advance(900);
      assert.ok(server.streams.size <= 1);
      for (const { connection, created } of tabs.slice(index + 1)) {
        assert.deepEqual(created(), ids(server));
        assert.equal(connection.status, "open");
      }
    }
    await browser.clock.advance(300_000);
    assert.equal(server.streams.size, 0, "the last tab ends the stream");
  });

  test(`${sharing}: a tab back from the back/forward cache has missed nothing`, async () => {
    const { browser, server } = browserWith(sharing);
    const [one, two] = [open(browser.tab()), open(browser.tab())];
    await settle();
    for (const { tab, connection } of [one, two]) {
      tab.fire("pagehide");
      await settle();
      server.publish(3);
      await settle();
      tab.fire("pageshow");
      await settle();
      assert.equal(connection.status, "open");
      server.publish();
      await settle();
    }
    assert.deepEqual(one.created(), ids(server));
    assert.deepEqual(two.created(), ids(server));
  });

  test(`${sharing}: no tab misses or repeats an event over server restarts and tabs that open and close`, async () => {
    for (let seed = 0; seed < 20; seed++) {
      const { browser, server } = browserWith(sharing);
      const roll = (/** @type {number} */ sides, /** @type {number} */ salt) =>
        Math.floor(Math.abs(Math.sin(seed * 131 + salt * 17.3) * 1e5)) % sides;
      const transports = seed % 2 ? /** @type {const} */ (["sse"]) : undefined; // or down through the transports and back
      let tabs = [open(browser.tab(), { cursor: "e-0", transports })];
      for (let step = 0; step < 30; step++) {
        const any = tabs[roll(tabs.length, step)];
        const what = roll(8, step + 1000);
        if (what < 3) server.publish(1 + roll(4, step));
        else if (what === 3) {
          tabs.push(open(browser.tab(), { cursor: `e-${roll(server.log.length + 1, step)}`, transports }));
        }
        else if (what === 4 && tabs.length > 1) {
          any?.connection.close();
          tabs = tabs.filter((tab) => tab !== any);
        } else if (what === 5 && tabs.length > 1) {
          any?.tab.crash();
          tabs = tabs.filter((tab) => tab !== any);
        } else if (what === 6) server.hangUp();
        else await browser.clock.advance(roll(4000, step));
        if (step % 4 === 0) await settle();
      }
      await browser.clock.advance(30_000);
      server.publish();
      await browser.clock.advance(2000);
      for (const { created, events } of tabs) {
        assert.equal(events[0].type, "hello");
        assert.deepEqual(created(), ids(server, Number(events[0].id.split("-")[1])), `seed ${seed}`);
      }
      assert.ok(server.streams.size <= 1 && (server.streams.size || !transports), `seed ${seed}`);
      for (const { connection } of tabs) connection.close();
    }
  });

  test(`${sharing}: a reset reaches every tab, and old ids count as new`, async () => {
    const { browser, server } = browserWith(sharing);
    const tabs = [open(browser.tab()), open(browser.tab())];
    await settle();
    server.publish(2);
    await settle();
    server.log = server.log.map(({ data, type }, index) => ({ id: `f-${index + 1}`, type, data }));
    server.epoch = "f";
    server.hangUp();
    await browser.clock.advance(2000);
    for (const { types, connection } of tabs) {
      assert.deepEqual(types().slice(3), ["hello", "reset", "notification", "notification"]);
      assert.equal(connection.cursor, "f-2");
    }
  });

  test(`${sharing}: users, servers and topics are never mixed`, async () => {
    const { browser, server } = browserWith(sharing);
    const others = [
      open(browser.tab(), { user: "bob" }),
      open(browser.tab(), { topics: ["post/7"] }),
      open(browser.tab(), { url: "http://other.test" }),
      open(browser.tab()),
      open(browser.tab()),
    ];
    await settle();
    assert.equal(server.streams.size, 4);
    others[4]?.connection.close();
    others[3]?.connection.close();
    await settle();
    assert.equal(server.streams.size, 3);
  });

  test(`${sharing}: tabs of one token's subject share, others do not, and the token comes from a tab`, async () => {
    const { browser, server } = browserWith(sharing);
    const token = (/** @type {string} */ sub, /** @type {number} */ iat) =>
      `h.${btoa(JSON.stringify({ sub, iat }))}.s`;
    open(browser.tab(), { user: undefined, getToken: async () => token("zoë".normalize("NFD").slice(0, 2), 1) });
    open(browser.tab(), { user: undefined, getToken: async () => token("zo", 2) });
    open(browser.tab(), { user: undefined, getToken: async () => token("bob", 3) });
    const opaque = open(browser.tab(), { user: undefined, getToken: async () => "opaque" });
    await settle();
    assert.equal(server.streams.size, 3);
    assert.deepEqual(
      server.received.map(({ headers }) => headers.get("authorization")).sort(),
      [token("bob", 3), token("zo", 1), "opaque"].map((one) => `Bearer ${one}`).sort(),
    );
    opaque.connection.close();
    await settle();
    assert.equal(server.streams.size, 2);
  });

  test(`${sharing}: a refusal closes every tab with an error`, async () => {
    const { browser, server } = browserWith(sharing);
    server.overrides["/v1/stream"] = Array(4).fill(() => problem(403, "topic_forbidden"));
    const tabs = [open(browser.tab()), open(browser.tab())];
    await browser.clock.advance(5000);
    for (const { connection } of tabs) {
      assert.equal(connection.status, "closed");
      assert.equal(/** @type {any} */ (connection.error).code, "topic_forbidden");
    }
    assert.equal(browser.clock.timers, 0);
  });

  test(`${sharing}: a tab that was frozen for hours catches up when it becomes visible`, async () => {
    const { browser, server } = browserWith(sharing);
    const [first, sleeper, third] = [open(browser.tab()), open(browser.tab()), open(browser.tab())];
    await settle();
    sleeper.tab.freeze();
    for (let hour = 0; hour < 3; hour++) {
      server.publish(2);
      server.sendHeartbeat();
      await browser.clock.advance(50_000);
    }
    sleeper.tab.thaw();
    sleeper.tab.show();
    await browser.clock.advance(5000);
    server.publish();
    await browser.clock.advance(1000);
    for (const { created } of [first, sleeper, third]) assert.deepEqual(created(), ids(server));
  });
}

for (const sharing of /** @type {const} */ (["worker", "lock"])) {
  test(`${sharing}: a tab that becomes visible ends the wait of all`, async () => {
    const { browser, server } = browserWith(sharing);
    const transports = /** @type {const} */ (["sse"]);
    const tabs = [open(browser.tab(), { transports }), open(browser.tab(), { transports })];
    for (const { tab } of tabs) {
      await browser.clock.advance(20_000);
      server.down = true;
      server.hangUp();
      await browser.clock.advance(200_000);
      server.down = false;
      const before = browser.clock.time;
      tab.show();
      await settle();
      assert.deepEqual([server.streams.size, browser.clock.time], [1, before]);
    }
  });

  test(`${sharing}: a late tab with a cursor that cannot be read starts from now, with a reset`, async () => {
    const { browser, server } = browserWith(sharing);
    open(browser.tab());
    await settle();
    server.publish(2);
    await settle();
    const late = open(browser.tab(), { cursor: "rubbish" });
    await browser.clock.advance(2000);
    server.publish();
    await browser.clock.advance(2000);
    const [, hello, reset] = late.events;
    assert.deepEqual([hello.type, hello.id], ["hello", "e-2"]);
    assert.deepEqual(reset, { id: "e-2", type: "reset", data: { reason: "invalid_cursor", cursor: "e-2" } });
    assert.deepEqual(late.created(), ["e-3"]);
  });

  test(`${sharing}: a late tab with another cursor gets a hello at its own cursor, even if the first is still current`, async () => {
    const { browser, server } = browserWith(sharing);
    server.publish(3);
    open(browser.tab());
    await settle();
    const late = open(browser.tab(), { cursor: "e-1" });
    await settle();
    assert.deepEqual([late.events[0].id, late.created()], ["e-1", ["e-2", "e-3"]]);
  });

  test(`${sharing}: a late tab whose own token is refused, twice, is closed alone`, async () => {
    const { browser, server } = browserWith(sharing);
    let tokens = 0;
    const getToken = async () => `${++tokens}`;
    const first = open(browser.tab(), { getToken });
    await settle();
    server.publish();
    await settle();
    server.overrides["/v1/poll"] = [() => problem(401, "expired"), () => problem(401, "expired")];
    server.overrides["/v1/inbox/counters"] = [() => problem(401, "expired"), () => problem(401, "expired")];
    const late = open(browser.tab(), { getToken });
    await browser.clock.advance(5000);
    assert.deepEqual([late.connection.status, first.connection.status], ["closed", "open"]);
    assert.equal(/** @type {any} */ (late.connection.error).code, "expired");
    assert.equal(tokens, 3, "one for the connection, and two of the late tab's own");
  });
}

test("worker: a refused token is replaced by the tab's next, which the tab uses too", async () => {
  const { browser, server } = browserWith("worker");
  let tokens = 0;
  const { connection } = open(browser.tab(), { getToken: () => `t${++tokens}` });
  await settle();
  server.overrides["/v1/stream"] = [() => problem(401, "expired")];
  server.hangUp();
  await browser.clock.advance(5000);
  assert.deepEqual([connection.status, tokens], ["open", 2]);
  assert.equal(server.received.at(-1)?.headers.get("authorization"), "Bearer t2");
});

for (const sharing of /** @type {const} */ (["worker", "lock"])) {
  test(`${sharing}: a shared connection closes in every tab when the server answers for another user`, async () => {
    const { browser, server } = browserWith(sharing);
    server.user = "alice";
    const tabs = [open(browser.tab()), open(browser.tab())];
    await settle();
    server.user = "bob";
    server.hangUp();
    await browser.clock.advance(5000);
    assert.deepEqual(tabs.map(({ connection }) => connection.status), ["closed", "closed"]);
    assert.equal(/** @type {any} */ (tabs[1]?.connection.error).code, "user_changed");
  });

  test(`${sharing}: debug logs the shared connection in every tab that asks for it`, async () => {
    const { browser, server } = browserWith(sharing);
    /** @type {any[]} */
    const logs = [];
    open(browser.tab());
    open(browser.tab(), { debug: (message, details) => logs.push([message, details]) });
    await settle();
    server.hangUp();
    await browser.clock.advance(5000);
    const [message, { reason, transport }] = logs.find(([message]) => message === "disconnected");
    assert.deepEqual([message, reason, transport], ["disconnected", "ended", "sse"]);
    assert.ok(logs.some(([message]) => message === "connected"));
  });

  test(`${sharing}: a browser that refuses the constructor opens an unshared stream, and debug says why`, async () => {
    const { browser, server } = browserWith("lock");
    const refuse = () => {
      throw new DOMException("not here", "SecurityError");
    };
    /** @type {string[]} */
    const logs = [];
    const tab = browser.tab();
    const env = sharing === "lock" ? { ...tab.env, channel: refuse } : { ...tab.env, channel: undefined, worker: refuse };
    const { connection } = open(tab, { env, debug: (message) => logs.push(message) });
    await settle();
    assert.deepEqual([connection.status, server.streams.size], ["open", 1]);
    assert.ok(logs.includes(sharing === "lock" ? "no broadcast channel" : "no shared worker"));
  });
}

test("lock: no stream is left when the next in the queue is closed too", async () => {
  for (let turns = 0; turns < 12; turns++) {
    const { browser, server } = browserWith("lock");
    const [first, second] = [open(browser.tab()), open(browser.tab())];
    await settle();
    first.connection.close();
    for (let turn = 0; turn < turns; turn++) await null;
    second.connection.close();
    await browser.clock.advance(0);
    assert.deepEqual([server.streams.size, browser.clock.timers], [0, 0], `${turns}`);
  }
});

test("worker: another tab is asked when one has no token", async () => {
  const { browser, server } = browserWith("worker");
  open(browser.tab(), { getToken: async () => "good" });
  await settle();
  open(browser.tab(), { getToken: () => Promise.reject(new Error("logged out")) });
  await settle();
  server.overrides["/v1/stream"] = [() => problem(401, "expired")];
  server.hangUp();
  await browser.clock.advance(5000);
  assert.equal(server.streams.size, 1);
  assert.equal(server.received.at(-1)?.headers.get("authorization"), "Bearer good");
});

test("worker: a leave message of a tab that had timed out is ignored", async () => {
  const { browser, server } = browserWith("worker");
  const sleeper = open(browser.tab());
  await settle();
  sleeper.tab.freeze();
  await browser.clock.advance(300_000);
  assert.equal(server.streams.size, 0);
  open(browser.tab());
  await settle();
  sleeper.tab.frozen = undefined;
  sleeper.connection.close();
  await settle();
  open(browser.tab());
  await settle();
  assert.deepEqual([server.streams.size, browser.connections.size], [1, 1]);
});

test("worker: a closed connection ignores a crash of the worker", async () => {
  const { browser, server } = browserWith("worker");
  const [one, two] = [open(browser.tab()), open(browser.tab())];
  await settle();
  one.connection.close();
  two.tab.fire("pagehide");
  await settle();
  browser.crashWorker();
  await settle();
  assert.deepEqual([server.streams.size, browser.clock.timers], [0, 0]);
});

test("lock: a frozen leader is replaced, and follows when it thaws", async () => {
  const { browser, server } = browserWith("lock");
  const [leader, second] = [open(browser.tab()), open(browser.tab())];
  const third = open(browser.tab());
  await settle();
  leader.tab.freeze();
  await browser.clock.advance(27_000);
  server.publish();
  await browser.clock.advance(1000);
  assert.deepEqual(second.created(), ["e-1"]);
  leader.tab.thaw();
  await browser.clock.advance(1000);
  assert.equal(server.streams.size, 1);
  server.publish();
  await browser.clock.advance(1000);
  for (const { created } of [leader, second, third]) assert.deepEqual(created(), ids(server));
  for (const requests of browser.locks.values()) assert.equal(requests.length, 3, "each is in the queue once");
});

test("lock: a frozen leader that still answers is replaced once its stream is overdue", async () => {
  const { browser, server } = browserWith("lock");
  const [leader, second] = [open(browser.tab()), open(browser.tab())];
  await settle();
  leader.tab.stalled = true; // its stream brings nothing any more
  [...server.streams].forEach((stream) => server.streams.delete(stream));
  await browser.clock.advance(100_000);
  server.publish();
  await browser.clock.advance(1000);
  assert.deepEqual(second.created(), ["e-1"]);
  assert.equal(second.connection.status, "open");
});

test("lock: a leader that was asleep with its machine is not replaced", async () => {
  const { browser, server } = browserWith("lock");
  const [leader, second] = [open(browser.tab()), open(browser.tab())];
  await settle();
  const requests = server.requests.length;
  browser.clock.sleep(600_000);
  second.tab.show();
  await settle();
  server.sendHeartbeat();
  await browser.clock.advance(8000);
  assert.equal(server.requests.length, requests);
  assert.deepEqual([leader.connection.status, second.connection.status], ["open", "open"]);
});

test("worker: a tab whose locks throw, or refuse, is fed all the same", async () => {
  for (const refuse of [() => Promise.reject(new DOMException("not here")), () => { throw new DOMException("not here"); }]) {
    const { browser, server } = browserWith("worker");
    const tab = browser.tab();
    const { connection, created } = open(tab, { env: { ...tab.env, locks: { request: /** @type {any} */ (refuse) } } });
    await settle();
    server.publish();
    await settle();
    assert.deepEqual([connection.status, created()], ["open", ["e-1"]]);
  }
});

test("worker: a tab that does not answer times out, and may rejoin when it thaws", async () => {
  const { browser, server } = browserWith("worker");
  const [first, sleeper] = [open(browser.tab()), open(browser.tab())];
  await settle();
  sleeper.tab.freeze();
  for (let minute = 0; minute < 5; minute++) {
    await browser.clock.advance(60_000);
    server.sendHeartbeat();
  }
  const waiting = sleeper.tab.frozen?.length;
  server.publish(5);
  await browser.clock.advance(1000);
  assert.equal(sleeper.tab.frozen?.length, waiting, "nothing is buffered for it");
  sleeper.tab.thaw();
  await browser.clock.advance(25_000);
  assert.deepEqual([first.created(), sleeper.created()], [ids(server), ids(server)]);
});

test("worker: a crashed worker is started again, and nothing is lost", async () => {
  const { browser, server } = browserWith("worker");
  const tabs = [open(browser.tab()), open(browser.tab()), open(browser.tab())];
  await settle();
  server.publish(2);
  await settle();
  /** @type {Set<string>} */
  const statuses = new Set();
  for (const { connection } of tabs) connection.addEventListener("status", () => statuses.add(connection.status));
  browser.crashWorker();
  server.publish(2);
  await browser.clock.advance(900);
  server.publish();
  await settle();
  assert.equal(server.streams.size, 1);
  for (const { created, connection } of tabs) {
    assert.deepEqual(created(), ids(server));
    connection.close();
  }
  await settle();
  assert.deepEqual([server.streams.size, browser.connections.size], [0, 0]);
  assert.deepEqual([...statuses], ["reconnecting", "open", "closed"]);
});

test("worker: a frozen tab does not keep the others from a token", async () => {
  const { browser, server } = browserWith("worker");
  let tokens = 0;
  const getToken = () => `t${++tokens}`;
  const first = open(browser.tab(), { getToken });
  const last = open(browser.tab(), { getToken });
  await settle();
  last.tab.freeze();
  server.control("expiring", {});
  await browser.clock.advance(5000);
  assert.deepEqual([first.connection.status, tokens], ["open", 2]);
  assert.equal(server.received.at(-1)?.headers.get("authorization"), "Bearer t2");
  server.publish();
  await settle();
  assert.deepEqual(first.created(), ["e-1"]);
  [first, last].forEach(({ connection }) => connection.close());
});

test("worker: a slow token is awaited when no other tab has one", async () => {
  const { browser } = browserWith("worker");
  const tab = browser.tab();
  const { env } = tab;
  const getToken = () => new Promise((resolve) => void env.after(8000, () => resolve("t")));
  const { connection } = open(tab, { getToken: /** @type {any} */ (getToken) });
  await browser.clock.advance(8100);
  assert.equal(connection.status, "open");
  connection.close();
  const none = open(browser.tab(), { getToken: () => "" });
  await browser.clock.advance(100);
  assert.equal(none.connection.status, "reconnecting", "no tab has one, which is known at once");
  none.connection.close();
});

test("worker: tabs that leave a connection that was refused do not touch the next", async () => {
  const { browser, server } = browserWith("worker");
  const tabs = [open(browser.tab()), open(browser.tab()), open(browser.tab())];
  await settle();
  /** @type {ReturnType<typeof open>[]} */
  const next = [];
  tabs[0]?.connection.addEventListener("error", () => next.push(open(browser.tab())));
  server.overrides["/v1/stream"] = [() => problem(401, "expired")];
  server.hangUp();
  await browser.clock.advance(2000);
  assert.deepEqual(tabs.map(({ connection }) => connection.status), ["closed", "closed", "closed"]);
  next.push(open(browser.tab()));
  await settle();
  assert.deepEqual(next.map(({ connection }) => connection.status), ["open", "open"]);
  assert.deepEqual([server.streams.size, browser.connections.size], [1, 1]);
  next.forEach(({ connection }) => connection.close());
});

test("lock: a connection that is closed while its lock is refused opens nothing", async () => {
  const { browser, server } = browserWith("lock");
  const tab = browser.tab();
  const refused = () => Promise.reject(new DOMException("cookies are blocked", "SecurityError"));
  for (let turns = 0; turns < 8; turns++) {
    const { connection } = open(tab, { env: { ...tab.env, locks: { request: refused } } });
    for (let turn = 0; turn < turns; turn++) await null;
    connection.close();
    await settle();
    assert.deepEqual([server.streams.size, browser.clock.timers], [0, 0], `closed after ${turns} turns`);
  }
});

test("worker: falls back when the worker does not start or does not answer", async () => {
  for (const fail of [(/** @type {any} */ worker) => queueMicrotask(() => worker.onerror()), () => {}]) {
    const { browser, server } = browserWith("lock");
    const tabs = [browser.tab(), browser.tab()].map((tab) => {
      const env = {
        ...tab.env,
        worker: () => {
          const worker = { port: { postMessage() {}, close() {}, addEventListener() {}, onmessage: null }, onerror: null };
          fail(worker);
          return /** @type {any} */ (worker);
        },
      };
      return open(tab, { env });
    });
    await browser.clock.advance(5500);
    server.publish();
    await settle();
    assert.equal(server.streams.size, 1);
    for (const { created, connection } of tabs) {
      assert.deepEqual(created(), ["e-1"]);
      connection.close();
    }
    await settle();
    assert.equal(browser.clock.timers, 0);
  }
});

test("worker: falls back to the lock for a module from another origin", async () => {
  const { browser, server } = browserWith("lock");
  for (const tab of [browser.tab(), browser.tab()]) {
    const worker = () => {
      throw new DOMException("cross-origin", "SecurityError");
    };
    open(tab, { env: { ...tab.env, worker } });
  }
  await settle();
  assert.equal(server.streams.size, 1);
});

test("each tab has its own stream where the browser has neither, or with share none", async () => {
  for (const sharing of /** @type {const} */ (["none", "lock"])) {
    const { browser, server } = browserWith(sharing);
    const share = sharing === "none" ? "auto" : "none";
    const tabs = [open(browser.tab(), { share }), open(browser.tab(), { share })];
    await settle();
    assert.equal(server.streams.size, 2);
    server.publish();
    await settle();
    for (const { created } of tabs) assert.deepEqual(created(), ["e-1"]);
  }
});

test("lock: a tab that is refused a lock opens a stream of its own", async () => {
  const { browser, server } = browserWith("lock");
  const refused = () => Promise.reject(new DOMException("cookies are blocked", "SecurityError"));
  const tabs = [browser.tab(), browser.tab()].map((tab) => {
    return open(tab, { env: { ...tab.env, locks: { request: refused } } });
  });
  await settle();
  server.publish(1);
  await settle();
  assert.equal(server.streams.size, 2);
  for (const { connection, created } of tabs) assert.deepEqual([connection.status, created()], ["open", ["e-1"]]);
  tabs.forEach(({ connection }) => connection.close());
  await settle();
  assert.deepEqual([server.streams.size, browser.channels.size], [0, 0]);
});

test("lock: messages to the leader are ignored by other tabs", async () => {
  const { browser } = browserWith("lock");
  const tabs = [open(browser.tab()), open(browser.tab())];
  await settle();
  /** @type {any[]} */
  const said = [];
  for (const { connection } of tabs) connection.addEventListener("status", () => said.push(connection.status));
  tabs.push(open(browser.tab()));
  await settle();
  assert.deepEqual(said.filter((status) => status !== "open"), []);
  assert.deepEqual(tabs.map(({ connection }) => connection.status), ["open", "open", "open"]);
});
