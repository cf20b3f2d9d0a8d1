/** One connection and its ladder, in a world with its own clock. */

import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";

import { Backoff } from "../src/backoff.js";
import { Api, milliseconds } from "../src/http.js";
import { connect } from "../src/stream.js";
import { sleep } from "../src/world.js";
import { FakeServer, answer, problem } from "../fakes/server.js";
import { FakeWorld, settle } from "../fakes/world.js";

/** @import {Transport} from "../src/ladder.js" */
/** @import {Options} from "../src/stream.js" */

/** @param {Options & {server?: FakeServer}} [options] */
function open({ server = new FakeServer(), ...options } = {}) {
  const clock = new FakeWorld(server);
  const connection = connect({ url: "http://tidings.test", user: "alice", share: "none", world: clock.world, ...options });
  /** @type {any[]} */
  const events = [];
  /** @type {string[]} */
  const statuses = [];
  connection.addEventListener("event", (event) => events.push(/** @type {CustomEvent} */ (event).detail));
  connection.addEventListener("status", () => statuses.push(`${connection.status} ${connection.transport}`));
  const created = () => events.filter(({ type }) => type === "notification.created").map(({ id }) => id);
  return { server, clock, connection, events, statuses, created };
}

/** @param {FakeServer} server @param {string} path */
const asked = (server, path) => server.requests.filter((request) => request.includes(path));

test("the first event is hello, then everything that happens, parsed", async () => {
  const { server, connection, events, statuses } = open();
  await settle();
  server.publish(2);
  await settle();
  assert.deepEqual(events.map(({ id, type }) => [id, type]), [
    ["e-0", "hello"],
    ["e-1", "notification.created"],
    ["e-2", "notification.created"],
  ]);
  assert.deepEqual(events[1].data, { id: "n1" });
  assert.equal(connection.cursor, "e-2");
  assert.deepEqual(statuses, ["open sse"]);
  assert.deepEqual(server.requests, ["GET /v1/stream?user=alice"]);
  connection.close();
});

test("an event is also dispatched under the name of its type", async () => {
  const { server, connection } = open();
  /** @type {any[]} */
  const heard = [];
  connection.addEventListener("notification.created", (event) => heard.push(/** @type {CustomEvent} */ (event).detail.data));
  await settle();
  server.publish();
  await settle();
  assert.deepEqual(heard, [{ id: "n1" }]);
  connection.close();
});

test("an event of the log cannot pass for one of ours", async () => {
  const { server, connection, statuses } = open();
  let errors = 0;
  connection.addEventListener("error", () => errors++);
  await settle();
  server.control("error", { code: "unknown_frame" });
  server.control("status", {});
  await settle();
  assert.deepEqual([errors, statuses.length], [0, 1]);
  connection.close();
});

test("for await gets every event and ends with close", async () => {
  const { server, connection } = open();
  /** @type {string[]} */
  const types = [];
  const loop = (async () => {
    for await (const { type } of connection) {
      types.push(type);
      if (types.length === 3) connection.close();
    }
  })();
  await settle();
  server.publish(2);
  await loop;
  assert.deepEqual(types, ["hello", "notification.created", "notification.created"]);
});

test("a loop that falls too far behind is ended aloud, and has lost nothing before", async () => {
  const { server, connection } = open();
  const loop = connection[Symbol.asyncIterator]();
  await settle();
  server.publish(10_001);
  await settle();
  let last = "";
  await assert.rejects(async () => {
    for await (const { id } of loop) last = id;
  }, /10000 events behind/);
  assert.equal(last, "e-10000");
  connection.close();
});

test("no timer and no request is left after close", async () => {
  for (const transport of /** @type {const} */ (["sse", "ws", "long-poll", "short-poll"])) {
    const { server, clock, connection } = open({ transports: [transport] });
    await settle();
    connection.close();
    await settle();
    assert.deepEqual([clock.timers, server.streams.size, server.sockets.size], [0, 0, 0], transport);
    const requests = server.requests.length;
    await clock.pass(600_000);
    assert.equal(server.requests.length, requests, transport);
  }
});

test("close while it waits for the next try ends the waiting", async () => {
  const { server, clock, connection } = open();
  server.down = true;
  await clock.pass(10_000);
  connection.close();
  await settle();
  assert.equal(clock.timers, 0);
});

test("a url or transport that is none is a TypeError at once", () => {
  assert.throws(() => connect({ url: "http://" }), TypeError);
  assert.throws(() => connect({ url: "http://x", transports: [] }), TypeError);
  assert.throws(() => connect({ url: "http://x", transports: [/** @type {any} */ ("pigeon")] }), TypeError);
});

for (const transport of /** @type {const} */ (["sse", "ws", "long-poll", "short-poll"])) {
  test(`${transport}: hello first, all events once and in order, over falls and reconnects`, async () => {
    const { server, clock, connection, events, created } = open({ transports: [transport] });
    await settle();
    for (let round = 0; round < 10; round++) {
      server.publish(4);
      await clock.pass(500);
      server.hangUp();
      server.publish(3);
      server.down = round % 3 === 0;
      await clock.pass(9000);
      server.down = false;
      await clock.pass(50_000);
    }
    assert.equal(events[0].type, "hello");
    assert.deepEqual(created(), server.log.map(({ id }) => id));
    assert.equal(connection.status, "open");
    connection.close();
  });

  test(`${transport}: a cursor that cannot be read means from now, with a reset that says so`, async () => {
    const server = new FakeServer();
    server.publish(3);
    const { clock, connection, events } = open({ server, transports: [transport], cursor: "rubbish" });
    await clock.pass(5000);
    const reset = events.findIndex(({ type }) => type === "reset");
    assert.equal(events[reset - 1].type, "hello");
    assert.deepEqual(events[reset], { id: "e-3", type: "reset", data: { reason: "invalid_cursor", cursor: "e-3" } });
    server.publish();
    await clock.pass(10_000);
    assert.equal(connection.cursor, "e-4");
    connection.close();
  });

  test(`${transport}: another log means a reset, after which old ids are news again`, async () => {
    const { server, clock, connection, events } = open({ transports: [transport] });
    await settle();
    server.publish(2);
    await clock.pass(10_000);
    server.log = server.log.map(({ data, type }, index) => ({ id: `f-${index + 1}`, type, data }));
    server.epoch = "f";
    server.hangUp();
    server.endWaiting();
    await clock.pass(40_000);
    assert.equal(events.filter(({ type }) => type === "reset").length, 1);
    assert.equal(connection.cursor, "f-2");
    connection.close();
  });

  test(`${transport}: a reset that is cut off behind its hello comes again`, async () => {
    const server = new FakeServer();
    server.publish(2);
    const { clock, connection, events, created } = open({ server, transports: [transport], cursor: "old-5" });
    server.cut = 1;
    await clock.pass(5000);
    server.hangUp();
    server.cut = Infinity;
    await clock.pass(60_000);
    assert.deepEqual(events.filter(({ type }) => type === "reset").map(({ id }) => id), ["e-0"]);
    assert.deepEqual(created(), ["e-1", "e-2"]);
    connection.close();
  });

  test(`${transport}: a token is fetched again when it is refused, once`, async () => {
    let tokens = 0;
    const server = new FakeServer();
    const path = { sse: "/v1/stream", ws: "/v1/tickets", "long-poll": "/v1/poll", "short-poll": "/v1/poll" }[transport];
    server.instead[path] = [() => problem(401, "expired")];
    const { clock, connection } = open({ server, transports: [transport], getToken: async () => `t${++tokens}` });
    await clock.pass(1000);
    assert.deepEqual([connection.status, tokens], ["open", 2]);
    assert.equal(server.seen.find(({ url }) => url.search.includes("user=")), undefined);
    assert.equal(server.seen.at(-1)?.headers.get("authorization"), "Bearer t2");
    assert.equal(asked(server, "WS").some((request) => request.includes("ticket=tick")), transport === "ws");
    connection.close();
  });
}

test("a refusal where there is no token to replace closes it at once", async () => {
  for (const status of [401, 403]) {
    const server = new FakeServer();
    server.instead["/v1/stream"] = [() => problem(status, "no")];
    const { clock, connection } = open({ server });
    await clock.pass(100_000);
    assert.deepEqual([connection.status, server.requests.length], ["closed", 1], `${status}`);
  }
});

test("the second refusal in a row closes it, with an error that tells why", async () => {
  const server = new FakeServer();
  server.instead["/v1/stream"] = [() => problem(401, "expired"), () => problem(403, "topic_forbidden")];
  const { clock, connection } = open({ server, getToken: () => "t" });
  /** @type {any} */
  let error;
  connection.addEventListener("error", (event) => (error = /** @type {CustomEvent} */ (event).detail));
  const loop = (async () => {
    for await (const event of connection) assert.fail(event.type);
  })();
  await assert.rejects(loop, /topic_forbidden/);
  assert.deepEqual([error.status, error.code, connection.error === error], [403, "topic_forbidden", true]);
  assert.equal(connection.status, "closed");
  await clock.pass(100_000);
  assert.equal(server.requests.length, 2);
});

test("refusals with a hello between them do not add up", async () => {
  const { server, clock, connection } = open({ getToken: () => "t" });
  for (let round = 0; round < 3; round++) {
    await clock.pass(20_000);
    server.instead["/v1/stream"] = [() => problem(401, "expired")];
    server.hangUp();
  }
  await clock.pass(5000);
  assert.equal(connection.status, "open");
  connection.close();
});

test("a request that is wrong is not repeated", async () => {
  const server = new FakeServer();
  server.instead["/v1/stream"] = [() => problem(400, "invalid_topic")];
  const { clock, connection } = open({ server });
  await clock.pass(100_000);
  assert.deepEqual([connection.status, server.requests.length], ["closed", 1]);
  assert.match(String(connection.error), /invalid_topic/);
});

test("an answer that a cursor is bad, when none was sent, is not taken for an invitation", async () => {
  const server = new FakeServer();
  server.instead["/v1/stream"] = Array(9).fill(() => problem(400, "invalid_cursor"));
  const { clock, connection } = open({ server, cursor: "e-0" });
  await clock.pass(10_000);
  assert.deepEqual([connection.status, server.requests.length], ["closed", 2]);
});

test("a connection that is closed before its token came asks for nothing", async () => {
  /** @type {(token: string) => void} */
  let give = () => {};
  const { server, clock, connection } = open({
    share: "auto",
    user: undefined,
    getToken: () => new Promise((resolve) => (give = resolve)),
  });
  connection.close();
  give("t");
  await settle();
  assert.deepEqual([server.requests, clock.timers], [[], 0]);
});

test("204 means stop, and is no error", async () => {
  const server = new FakeServer();
  server.instead["/v1/stream"] = [() => answer(204, null)];
  const { clock, connection } = open({ server });
  await clock.pass(100_000);
  assert.deepEqual([connection.status, connection.error, server.requests.length], ["closed", undefined, 1]);
});

test("a getToken that fails, or never answers, is a failure like another", async () => {
  let calls = 0;
  const getToken = () => {
    calls++;
    if (calls === 1) return Promise.reject(new Error("offline"));
    if (calls === 2) return new Promise(() => {});
    return Promise.resolve("t");
  };
  const { clock, connection } = open({ getToken: /** @type {any} */ (getToken), transports: ["sse"] });
  await clock.pass(20_000);
  assert.deepEqual([connection.status, calls], ["open", 3]);
  connection.close();
});

test("the time that a token takes is not the stream's: slow tokens push nobody down the ladder", async () => {
  for (const transport of /** @type {const} */ (["sse", "ws"])) {
    /** @type {(token: string) => void} */
    let give = () => {};
    const getToken = () => new Promise((resolve) => (give = resolve));
    const { clock, connection, statuses } = open({ getToken: /** @type {any} */ (getToken), transports: [transport, "long-poll"] });
    await clock.pass(8000);
    give("t");
    await settle();
    assert.deepEqual([connection.status, statuses], ["open", [`open ${transport}`]]);
    connection.close();
  }
});

test("a token that does not come within ten seconds is a failure like another, and says nothing about the way", async () => {
  let calls = 0;
  const getToken = () => (++calls < 6 ? new Promise(() => {}) : "t");
  const { clock, connection, statuses } = open({ getToken: /** @type {any} */ (getToken) });
  await clock.pass(9900);
  assert.deepEqual(statuses, []);
  await clock.pass(200);
  assert.deepEqual(statuses, ["reconnecting sse"]);
  await clock.pass(100_000);
  assert.deepEqual([connection.status, connection.transport, calls], ["open", "sse", 6]);
  connection.close();
});

test("a token that many want at once is fetched once", async () => {
  let calls = 0;
  const api = new Api({ url: "http://tidings.test", getToken: async () => `t${++calls}` }, open().clock.world);
  assert.deepEqual(await Promise.all([api.token(), api.token(), api.token()]), ["t1", "t1", "t1"]);
  api.forget();
  const [old, young] = [api.token(), (api.forget(), api.token())];
  assert.deepEqual([await old, await young, await api.token()], ["t2", "t3", "t3"], "what was forgotten does not come back");
});

test("a connection that the server ended with its token is made anew with another", async () => {
  for (const transport of /** @type {const} */ (["sse", "ws", "long-poll", "short-poll"])) {
    let tokens = 0;
    const { server, clock, connection, created } = open({ transports: [transport], getToken: () => `t${++tokens}` });
    await clock.pass(20_000);
    if (transport.endsWith("poll")) {
      server.instead["/v1/poll"] = [() => problem(401, "token_expired")];
      server.endWaiting();
    } else {
      server.control("goaway", { reason: "token_expired", retry: 0 });
      for (const socket of [...server.sockets]) socket.drop(4401, "no valid token");
      server.hangUp();
    }
    server.publish();
    await clock.pass(10_000);
    assert.deepEqual([connection.status, tokens, created()], ["open", 2, ["e-1"]], transport);
    assert.equal(server.seen.at(-1)?.headers.get("authorization"), "Bearer t2", transport);
    connection.close();
  }
});

test("an expiring token is replaced before it ends, and nothing is missed", async () => {
  let tokens = 0;
  const { server, clock, connection, created } = open({ getToken: () => `t${++tokens}` });
  await clock.pass(20_000);
  server.control("expiring", { expire_time: "2026-01-01T00:00:00Z" });
  await settle();
  server.publish();
  await clock.pass(2000);
  assert.deepEqual([connection.status, tokens, created()], ["open", 2, ["e-1"]]);
  connection.close();
});

test("tokens that are always about to end are used to their end", async () => {
  let tokens = 0;
  const { server, clock, created } = open({ getToken: () => `t${++tokens}` });
  for (let second = 0; second < 120; second++) {
    if (second % 8 === 0) server.control("goaway", { reason: "token_expired", retry: 0 });
    if (server.streams.size) server.control("expiring", { expire_time: "2026-01-01T00:00:00Z" });
    server.publish();
    await clock.pass(1000);
    if (second > 20) assert.ok(server.log.length - created().length <= 2, `${second}`);
  }
  assert.ok(tokens < 25, `${tokens}`);
});

test("topics and the cursor are part of every request", async () => {
  const server = new FakeServer();
  const { connection } = open({ server, topics: ["post/7", "author/4 2"], cursor: "e-0" });
  await settle();
  assert.deepEqual(server.requests, ["GET /v1/stream?cursor=e-0&topic=author%2F4+2&topic=post%2F7&user=alice"]);
  connection.close();
});

// Back-off

test("waits double up to the cap, and lie anywhere below", () => {
  const highest = new Backoff(() => 1);
  assert.deepEqual([1, 2, 3, 4, 5, 6, 7].map(() => highest.next()), [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  const lowest = new Backoff(() => 0);
  assert.deepEqual([1, 2, 3].map(() => lowest.next()), [0, 0, 0]);
  highest.reset();
  highest.base = 60_000; // the server may ask for more than the cap
  assert.deepEqual([highest.next(), highest.next()], [60_000, 60_000]);
});

test("Retry-After is seconds or a date", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  assert.equal(milliseconds("7", now), 7000);
  assert.equal(milliseconds("Thu, 01 Jan 2026 00:00:09 GMT", now), 9000);
  assert.equal(milliseconds("Thu, 01 Jan 2015 00:00:09 GMT", now), 0);
  assert.equal(milliseconds("soon", now), 0);
  assert.equal(milliseconds("2.5", now), 2500, "and so is X-Poll-Interval");
  assert.equal(milliseconds(null, now), 0);
  assert.equal(milliseconds("86400", now), 600_000, "but no longer than ten minutes");
  assert.equal(milliseconds("Thu, 01 Jan 2099 00:00:09 GMT", now), 600_000);
});

test("a server that is down is asked less and less often", async () => {
  const { server, clock, connection, statuses } = open({ transports: ["sse"] });
  server.down = true;
  await clock.pass(60_000);
  const first = asked(server, "/v1/stream").length;
  await clock.pass(60_000);
  const second = asked(server, "/v1/stream").length - first;
  assert.ok(first <= 9 && second <= 5, `${first} ${second}`);
  assert.deepEqual(statuses, ["reconnecting sse"]);
  server.down = false;
  await clock.pass(30_000);
  assert.equal(connection.status, "open");
  connection.close();
});

test("the server's retry: is the measure of the first wait", async () => {
  const { server, clock, connection } = open();
  clock.chance = 0.99;
  server.retry = "8000";
  server.hangUp();
  await clock.pass(20_000);
  server.hangUp();
  await clock.pass(7900);
  assert.equal(connection.status, "reconnecting");
  await clock.pass(100);
  assert.equal(connection.status, "open");
  connection.close();
});

test("goaway is obeyed, also by one who wakes up", async () => {
  const { server, clock, connection, created } = open();
  await clock.pass(20_000);
  server.control("goaway", { reason: "drain", retry: 5000 });
  server.hangUp();
  server.publish();
  await clock.pass(4000);
  clock.show();
  await clock.pass(900);
  assert.deepEqual([connection.status, asked(server, "/v1/stream").length], ["reconnecting", 1]);
  await clock.pass(1200);
  assert.deepEqual([connection.status, created()], ["open", ["e-1"]]);
  connection.close();
});

test("Retry-After is obeyed", async () => {
  const server = new FakeServer();
  server.instead["/v1/stream"] = [() => problem(503, "overloaded", { "retry-after": "30" })];
  const { clock, connection } = open({ server });
  await clock.pass(29_900);
  assert.equal(server.requests.length, 1);
  await clock.pass(1100);
  assert.equal(connection.status, "open");
  connection.close();
});

test("no wish of the server's silences a client for more than ten minutes", async () => {
  for (const wish of [86_400_000, 1e300, "86400000"]) {
    const { server, clock, connection } = open({ transports: ["sse"] });
    await clock.pass(20_000);
    server.control("goaway", { reason: "drain", retry: wish });
    await clock.pass(590_000);
    assert.equal(connection.status, "reconnecting");
    await clock.pass(12_000);
    assert.equal(connection.status, "open", `goaway ${wish}`);
    connection.close();
  }
  for (const wish of ["soon", -1, null, {}]) {
    const { server, clock, connection } = open({ transports: ["sse"] });
    await clock.pass(20_000);
    server.control("goaway", { reason: "drain", retry: wish });
    await clock.pass(2000);
    assert.equal(connection.status, "open", `goaway ${wish}`);
    connection.close();
  }
  const { server, clock, connection } = open({ transports: ["sse"] });
  server.retry = "999999999999";
  clock.chance = 0.99;
  await clock.pass(20_000);
  server.hangUp();
  await clock.pass(601_000);
  assert.equal(connection.status, "open", "retry:");
  server.hangUp();
  server.instead["/v1/stream"] = [() => problem(503, "overloaded", { "retry-after": "86400" })];
  server.retry = "";
  await clock.pass(601_000);
  await clock.pass(1_205_000);
  assert.equal(connection.status, "open", "Retry-After");
  connection.close();
});

test("no wish of the server's makes short polls rarer than every ten minutes", async () => {
  const server = new FakeServer();
  const page = { events: [], cursor: "e-0", more: false };
  server.instead["/v1/poll"] = [() => answer(200, page, { "x-poll-interval": "86400" })];
  const { clock, connection } = open({ server, transports: ["short-poll"] });
  await clock.pass(601_000);
  assert.equal(asked(server, "/v1/poll").length, 2);
  connection.close();
});

test("a page that is looked at again does not wait any longer", async () => {
  const { server, clock, connection } = open({ transports: ["sse"] });
  server.down = true;
  await clock.pass(120_000);
  server.down = false;
  const before = clock.time;
  clock.show();
  await settle();
  assert.deepEqual([connection.status, clock.time], ["open", before]);
  connection.close();
});

test("what is only too much for now is asked again, what does not exist is not", async () => {
  for (const status of [408, 425, 429, 500, 502, 503]) {
    const server = new FakeServer();
    server.instead["/v1/stream"] = [() => problem(status, "later")];
    const { clock, connection } = open({ server });
    await clock.pass(2000);
    assert.deepEqual([connection.status, connection.transport], ["open", "sse"], `${status}`);
    connection.close();
  }
  for (const status of [404, 405, 406, 410, 426, 501]) {
    const server = new FakeServer();
    server.instead["/v1/stream"] = [() => problem(status, "no")];
    const { connection } = open({ server });
    await settle();
    assert.deepEqual([connection.status, connection.transport], ["open", "long-poll"], `${status}`);
    connection.close();
  }
});

test("what is in no way here is asked for once in each, and then no more", async () => {
  for (const status of [404, 405, 406, 410, 426, 501]) {
    for (const transports of /** @type {Transport[][]} */ ([["sse"], ["long-poll"], ["ws", "sse"], ["sse", "long-poll", "short-poll"]])) {
      const server = new FakeServer();
      server.noSockets = true;
      server.fetch = async (input) => {
        server.requests.push(`GET ${new URL(input).pathname}`);
        return problem(status, "not_found");
      };
      const { clock, connection } = open({ server, transports });
      await settle();
      const { length } = server.requests;
      await clock.pass(1_000_000);
      assert.deepEqual([connection.status, server.requests.length], ["closed", length], `${status} ${transports}`);
      assert.match(String(connection.error), /not_found/);
    }
  }
});

test("a proxy's page in every place ends one that was never open, and is waited out by one that was", async () => {
  const page = () => new Response("<html>404", { status: 404, headers: { "content-type": "text/html" } });
  const never = new FakeServer();
  never.fetch = async () => page();
  const first = open({ server: never });
  await first.clock.pass(10_000);
  assert.deepEqual([first.connection.status, String(first.connection.error)], ["closed", "TidingsError: HTTP 404"]);

  const { server, clock, connection } = open();
  const { fetch } = server;
  await clock.pass(20_000);
  server.fetch = async () => page();
  server.hangUp();
  await clock.pass(200_000);
  assert.equal(connection.status, "reconnecting");
  server.fetch = fetch;
  await clock.pass(40_000);
  assert.equal(connection.status, "open");
  connection.close();
});

test("a proxy's own refusal of a stream is not the server's", async () => {
  for (const status of [400, 413, 421, 431]) {
    const server = new FakeServer();
    server.instead["/v1/stream"] = [() => new Response("<html>", { status })];
    const { connection } = open({ server });
    await settle();
    assert.deepEqual([connection.status, connection.transport], ["open", "long-poll"], `${status}`);
    connection.close();
  }
});

test("a sleep leaves nothing behind, however it ends", async () => {
  const { clock } = open();
  const { signal } = new AbortController();
  const asleep = sleep(clock.world, 1000, signal);
  assert.equal(getEventListeners(signal, "abort").length, 1);
  await clock.pass(1000);
  await asleep;
  assert.equal(getEventListeners(signal, "abort").length, 0);
});

// The ladder

test("a proxy that holds streams back: long polling after three seconds, with a hello", async () => {
  const server = new FakeServer();
  server.buffering = true;
  const { clock, connection, events, statuses, created } = open({ server });
  await clock.pass(2900);
  assert.deepEqual(statuses, []);
  await clock.pass(200);
  assert.deepEqual(statuses, ["open long-poll"]);
  assert.deepEqual(events.map(({ id, type }) => [id, type]), [["e-0", "hello"]]);
  assert.equal(server.streams.size, 0, "the stream that was held back is given up");
  server.publish(5);
  await clock.pass(100);
  assert.deepEqual(created(), ["e-1", "e-2", "e-3", "e-4", "e-5"]);
  connection.close();
});

test("an answer that is no event stream: the next way at once", async () => {
  const server = new FakeServer();
  server.instead["/v1/stream"] = [() => answer(200, "<html>")];
  const { connection, statuses } = open({ server });
  await settle();
  assert.deepEqual(statuses, ["open long-poll"]);
  connection.close();
});

test("streams that die early, again and again: the next way", async () => {
  const { server, clock, connection, created } = open();
  for (let death = 0; death < 3; death++) {
    await clock.pass(6000);
    assert.equal(connection.transport, "sse");
    server.publish();
    server.hangUp();
  }
  await clock.pass(6000);
  assert.deepEqual([connection.transport, connection.status, created()], ["long-poll", "open", ["e-1", "e-2", "e-3"]]);
  connection.close();
});

test("a stream that says hello and then nothing, twice: the next way", async () => {
  const { clock, connection } = open();
  await clock.pass(64_000);
  assert.equal(connection.transport, "sse");
  await clock.pass(64_000);
  assert.equal(connection.transport, "long-poll");
  connection.close();
});

test("long polls that are cut: short polls", async () => {
  const server = new FakeServer();
  server.buffering = true;
  const cut = () => problem(504, "gateway_timeout");
  const { clock, connection, created } = open({ server, transports: ["long-poll", "short-poll"] });
  server.instead["/v1/poll"] = [cut, cut, cut, cut, cut, cut];
  await clock.pass(60_000);
  assert.equal(connection.transport, "long-poll", "an answer that says busy is not the way's fault");
  server.instead["/v1/poll"] = Array(4).fill(() => {
    throw new TypeError("connection reset");
  });
  server.endWaiting();
  server.publish();
  await clock.pass(20_000);
  assert.deepEqual([connection.transport, created()], ["short-poll", ["e-1"]]);
  connection.close();
});

test("a server that is down does not push anyone down the ladder", async () => {
  const { server, clock, connection } = open();
  await clock.pass(20_000);
  server.hangUp();
  server.down = true;
  await clock.pass(200_000);
  server.down = false;
  await clock.pass(30_000);
  assert.deepEqual([connection.status, connection.transport], ["open", "sse"]);
  connection.close();
});

test("streams that are refused a connection while plain requests pass: the next way", async () => {
  const server = new FakeServer();
  server.instead["/v1/stream"] = Array(9).fill(() => {
    throw new TypeError("reset by inspection");
  });
  const { clock, connection } = open({ server });
  await clock.pass(10_000);
  assert.deepEqual([connection.status, connection.transport], ["open", "long-poll"]);
  connection.close();
});

test("back to streams when they pass again, looked for less and less often, without a gap or a second hello before", async () => {
  const server = new FakeServer();
  server.buffering = true;
  const { clock, connection, events, statuses, created } = open({ server });
  await clock.pass(3100);
  await clock.pass(60_000 + 120_000 + 10_000);
  assert.equal(asked(server, "/v1/stream").length, 3, "tried at first, after one minute, after two more");
  assert.deepEqual(statuses, ["open long-poll"]);
  assert.equal(events.length, 1);
  server.buffering = false;
  server.publish();
  await clock.pass(240_000);
  server.publish();
  await clock.pass(100);
  assert.deepEqual(statuses, ["open long-poll", "open sse"]);
  assert.deepEqual(created(), ["e-1", "e-2"]);
  connection.close();
});

test("through a proxy that lets only the hello pass, streams are looked for less and less often", async () => {
  const { clock, connection } = open({ transports: ["sse", "long-poll"] });
  const MINUTE = 60_000;
  /** @type {number[]} */
  const climbs = [];
  let last = connection.transport;
  connection.addEventListener("status", () => {
    if (connection.transport === "sse" && last !== "sse") climbs.push(clock.time);
    last = connection.transport;
  });
  await clock.pass(400 * MINUTE);
  const gaps = climbs.slice(1).map((time, index) => Math.round((time - Number(climbs[index])) / MINUTE));
  assert.equal(connection.transport, "long-poll");
  assert.deepEqual(gaps.slice(0, 5), [4, 6, 10, 18, 34], "two minutes of silence each, and 2, 4, 8 ... of polls");
  connection.close();
});

test("another network does not cut short the time that the server asked for", async () => {
  const server = new FakeServer();
  server.buffering = true;
  const { clock, connection } = open({ server });
  await clock.pass(4000);
  assert.equal(connection.transport, "long-poll");
  server.instead["/v1/poll"] = [() => problem(503, "overloaded", { "retry-after": "30" })];
  server.buffering = false;
  server.endWaiting();
  await clock.pass(1000);
  assert.equal(connection.status, "reconnecting");
  const before = server.requests.length;
  clock.window.dispatchEvent(new Event("online"));
  await clock.pass(28_000);
  assert.equal(server.requests.length, before);
  await clock.pass(3000);
  assert.deepEqual([connection.status, connection.transport], ["open", "sse"]);
  connection.close();
});

test("close in the very moment of a fall leaves no timer", async () => {
  const { server, clock, connection } = open();
  await settle();
  connection.addEventListener("status", () => connection.close());
  server.hangUp();
  await settle();
  assert.deepEqual([connection.status, clock.timers], ["closed", 0]);
});

test("another network: streams are tried at once", async () => {
  const server = new FakeServer();
  server.buffering = true;
  const { clock, connection } = open({ server });
  await clock.pass(4000);
  assert.equal(connection.transport, "long-poll");
  server.buffering = false;
  clock.window.dispatchEvent(new Event("online"));
  await clock.pass(100);
  assert.deepEqual([connection.status, connection.transport], ["open", "sse"]);
  connection.close();
});

test("WebSocket on request, and SSE where it does not pass", async () => {
  const { connection } = open({ transports: ["ws", "sse"] });
  await settle();
  assert.deepEqual([connection.status, connection.transport], ["open", "ws"]);
  connection.close();
  const server = new FakeServer();
  server.noSockets = true;
  const second = open({ server, transports: ["ws", "sse"] });
  await settle();
  assert.deepEqual([second.connection.status, second.connection.transport], ["open", "sse"]);
  second.connection.close();
});

test("a WebSocket's close code says whether to come back, with what, or another way", async () => {
  for (const [code, transport, status] of /** @type {const} */ ([
    [1001, "ws", "reconnecting"],
    [1006, "ws", "reconnecting"],
    [1013, "ws", "reconnecting"],
    [1002, "sse", "open"],
    [1003, "sse", "open"],
    [1007, "sse", "open"],
    [1009, "sse", "open"],
    [4400, "ws", "closed"],
    [4401, "ws", "open"],
  ])) {
    let tokens = 0;
    const getToken = () => `${++tokens}`;
    const { server, connection } = open({ transports: ["ws", "sse"], getToken });
    await settle();
    for (const socket of [...server.sockets]) socket.drop(code, "for a reason");
    await settle();
    assert.deepEqual([connection.transport, connection.status, tokens], [transport, status, code === 4401 ? 2 : 1], `${code}`);
    connection.close();
  }
});

test("where there is no WebSocket at all, as in Node 20, the next way is taken at once, or it is said", async () => {
  const server = new FakeServer();
  server.socket = () => {
    throw new ReferenceError("WebSocket is not defined");
  };
  const { connection } = open({ server, transports: ["ws", "sse"] });
  await settle();
  assert.deepEqual([connection.transport, connection.status], ["sse", "open"]);
  connection.close();
  const only = open({ server, transports: ["ws"] });
  await settle();
  assert.equal(only.connection.status, "closed");
  assert.match(String(only.connection.error), /WebSocket is not defined/);
});

test("a WebSocket that cannot be understood, and nothing else to take, is an error", async () => {
  const { server, clock, connection } = open({ transports: ["ws"] });
  await clock.pass(20_000);
  for (const socket of [...server.sockets]) socket.drop(1007, "not UTF-8");
  await settle();
  assert.deepEqual([connection.status, String(connection.error)], ["closed", "TidingsError: not UTF-8"]);
});

test("a WebSocket that closes before its hello does not pass, if plain requests do", async () => {
  const server = new FakeServer();
  server.socket = (url) => {
    const socket = new FakeServer().socket(url);
    Object.defineProperty(socket, "onmessage", { get: () => () => socket.drop(1006, ""), set() {} });
    return socket;
  };
  const { connection } = open({ server, transports: ["ws", "sse"] });
  await settle();
  assert.deepEqual([connection.transport, connection.status], ["sse", "open"]);
  connection.close();
});

// Polls

test("short polls keep the server's interval, send back its ETag, and take 304 for an answer", async () => {
  const server = new FakeServer();
  server.publish();
  const { clock, connection, created } = open({ server, transports: ["short-poll"], cursor: "e-1" });
  await clock.pass(80_500);
  assert.equal(asked(server, "/v1/poll").length, 11, "every eight seconds");
  assert.equal(server.seen.at(-1)?.headers.get("if-none-match"), '"e-1+0"');
  server.publish();
  await clock.pass(17_000);
  assert.deepEqual(created(), ["e-2"]);
  assert.equal(server.seen.at(-1)?.headers.get("if-none-match"), null, "an ETag belongs to its cursor");
  connection.close();
});

test("polls leave nothing behind", async () => {
  const { server, clock, connection } = open({ transports: ["short-poll"] });
  const { fetch } = server;
  /** @type {Set<EventTarget>} */
  const signals = new Set();
  server.fetch = (input, init) => {
    signals.add(/** @type {AbortSignal} */ (init?.signal));
    return fetch(input, init);
  };
  for (let round = 0; round < 100; round++) await clock.pass(8000);
  assert.ok(server.requests.length > 90);
  const [signal] = signals;
  assert.deepEqual([signals.size, getEventListeners(/** @type {AbortSignal} */ (signal), "abort").length < 9], [1, true]);
  connection.close();
});

test("a short poll that did not get everything asks again at once", async () => {
  const server = new FakeServer();
  server.publish(8);
  const { connection, created } = open({ server, transports: ["short-poll"], cursor: "e-0" });
  await settle();
  assert.equal(created().length, 8);
  connection.close();
});

test("a long poll that is never answered is given up", async () => {
  const { server, clock, connection } = open({ transports: ["long-poll"] });
  await settle();
  server.after = undefined;
  await clock.pass(26_000);
  const before = asked(server, "/v1/poll").length;
  await clock.pass(36_000);
  assert.equal(asked(server, "/v1/poll").length, before + 1);
  connection.close();
});

test("long polls that come back empty at once are not repeated in a hurry", async () => {
  const { server, clock, connection } = open({ transports: ["long-poll"] });
  await settle();
  server.instead["/v1/poll"] = Array(100).fill(() => answer(200, { events: [], cursor: "e-0", more: false }));
  server.endWaiting();
  await clock.pass(60_000);
  assert.ok(asked(server, "/v1/poll").length < 20, `${asked(server, "/v1/poll").length}`);
  connection.close();
});

test("one without an inbox still gets a hello", async () => {
  const server = new FakeServer();
  server.publish();
  server.instead["/v1/inbox/counters"] = [() => problem(403, "forbidden")];
  const { connection, events } = open({ server, transports: ["long-poll"] });
  await settle();
  assert.deepEqual([events[0].id, events[0].data.counters], ["e-1", null]);
  connection.close();
});

// Liveness

test("a server that is silent for two and a half heartbeats is gone", async () => {
  const { server, clock, connection } = open({ transports: ["sse"] });
  server.heartbeat = 10;
  await clock.pass(20_000);
  server.hangUp();
  await clock.pass(1000);
  server.beat();
  await clock.pass(24_900);
  assert.equal(connection.status, "open");
  await clock.pass(200);
  assert.equal(connection.status, "reconnecting");
  connection.close();
});

test("a comment is a sign of life", async () => {
  const { server, clock, connection, statuses } = open();
  for (let beats = 0; beats < 20; beats++) {
    await clock.pass(25_000);
    server.beat();
  }
  assert.deepEqual(statuses, ["open sse"]);
  connection.close();
});

test("a WebSocket asks for signs of life itself", async () => {
  const { server, clock, connection, statuses } = open({ transports: ["ws"] });
  await settle();
  const [socket] = server.sockets;
  for (let beats = 0; beats < 5; beats++) {
    await clock.pass(25_000);
    assert.equal(socket?.sent.length, beats + 1);
    socket?.give({ id: "", type: "pong", data: {} });
  }
  assert.deepEqual(statuses, ["open ws"]);
  assert.equal(socket?.sent[0], '{"type":"ping"}');
  await clock.pass(63_000);
  assert.equal(socket?.closed, true, "and leaves when there are none");
  connection.close();
});

test("a throttled timer does not take a living server for a dead one", async () => {
  const { server, clock, connection, statuses } = open();
  await settle();
  clock.throttle = 59_000;
  for (let beats = 0; beats < 40; beats++) {
    await clock.pass(25_000);
    server.beat();
  }
  assert.deepEqual(statuses, ["open sse"]);
  connection.close();
});

test("a hidden tab notices a server that is really gone, though late", async () => {
  const { clock, connection, statuses } = open({ transports: ["sse"] });
  clock.throttle = 59_000;
  await clock.pass(250_000);
  assert.ok(statuses.includes("reconnecting sse"));
  connection.close();
});

test("after sleep, what lies in the socket counts; if nothing does, the server is gone", async () => {
  const { server, clock, connection, statuses } = open();
  await clock.pass(20_000);
  server.beat();
  await settle();
  clock.sleep(3_600_000);
  clock.show();
  await settle();
  server.publish(); // arrives after the timers
  await clock.pass(5000);
  assert.deepEqual(statuses, ["open sse"]);
  clock.sleep(3_600_000);
  clock.show();
  clock.show();
  await clock.pass(1900);
  assert.equal(connection.status, "open");
  await clock.pass(200);
  assert.equal(connection.status, "reconnecting");
  await clock.pass(1000);
  assert.equal(connection.status, "open");
  connection.close();
});

test("a clock that is set back does no harm", async () => {
  const { server, clock, connection } = open({ transports: ["sse"] });
  await clock.pass(20_000);
  clock.sleep(-86_400_000);
  await clock.pass(140_000);
  assert.equal(asked(server, "/v1/stream").length, 2);
  connection.close();
});

// What was seen

test("what was seen is dropped, until a reset", async () => {
  const { server, connection, created } = open();
  await settle();
  server.publish(2);
  const [first, second] = server.log;
  const say = (/** @type {any} */ { id, type, data }) =>
    server.streams.forEach((stream) => stream.say(`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`));
  say(first);
  say(second);
  await settle();
  assert.deepEqual(created(), ["e-1", "e-2"]);
  say({ id: "e-0", type: "reset", data: { reason: "pruned", cursor: "e-0" } });
  say(first);
  await settle();
  assert.deepEqual([created(), connection.cursor], [["e-1", "e-2", "e-1"], "e-1"]);
  connection.close();
});

test("an event without an id, of a kind not known yet, is not taken for a repetition", async () => {
  const { server, connection, events } = open();
  await settle();
  server.publish();
  server.control("typing", { who: "bob" });
  server.control("typing", { who: "bob" });
  await settle();
  assert.deepEqual(events.slice(2).map(({ id, type }) => [id, type]), [["", "typing"], ["", "typing"]]);
  assert.equal(connection.cursor, "e-1");
  connection.close();
});

test("an id without data moves the cursor", async () => {
  const { server, clock, connection } = open();
  await settle();
  server.streams.forEach((stream) => stream.say("id: e-7\n\n"));
  await settle();
  server.hangUp();
  await clock.pass(2000);
  assert.match(server.requests.at(-1) ?? "", /cursor=e-7/);
  connection.close();
});

// The page

test("a page that is put away holds nothing, and goes on from its cursor when it is back", async () => {
  const { server, clock, connection, created, statuses } = open();
  await settle();
  server.publish();
  await settle();
  clock.window.dispatchEvent(new Event("pagehide"));
  await settle();
  assert.deepEqual([server.streams.size, clock.timers], [0, 0]);
  server.publish(2);
  clock.window.dispatchEvent(new Event("pageshow"));
  await settle();
  assert.deepEqual(created(), ["e-1", "e-2", "e-3"]);
  assert.deepEqual(statuses, ["open sse", "reconnecting sse", "open sse"]);
  connection.close();
  clock.window.dispatchEvent(new Event("pageshow"));
  await settle();
  assert.equal(server.streams.size, 0, "closed is closed");
});

test("a page that is shown for the first time does not connect twice", async () => {
  const { server, clock, connection } = open();
  clock.window.dispatchEvent(new Event("pageshow"));
  await settle();
  clock.window.dispatchEvent(new Event("pageshow"));
  await settle();
  assert.equal(server.requests.length, 1);
  connection.close();
});

test("a page that is hidden is not a page that is looked at", async () => {
  const { server, clock, connection } = open({ transports: ["sse"] });
  server.down = true;
  await clock.pass(100_000);
  const before = server.requests.length;
  clock.document.hidden = true;
  clock.show();
  await settle();
  assert.equal(server.requests.length, before);
  connection.close();
});
