/** One connection and its transport fallback, in an environment with its own clock. */

import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";

import { Backoff } from "../src/backoff.js";
import { HttpClient, parseRetryAfter } from "../src/http.js";
import { connect } from "../src/stream.js";
import { sleep } from "../src/env.js";
import { FakeServer, jsonResponse, problem } from "../fakes/server.js";
import { FakeEnv, settle } from "../fakes/env.js";

/** @import {Transport} from "../src/transport-fallback.js" */
/** @import {Options} from "../src/stream.js" */

/** @param {Options & {server?: FakeServer}} [options] */
function open({ server = new FakeServer(), ...options } = {}) {
  const clock = new FakeEnv(server);
  const connection = connect({ url: "http://tidings.test", user: "alice", share: "none", env: clock.env, ...options });
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

for (const transport of /** @type {const} */ (["sse", "ws", "long-poll"])) {
  test(`${transport}: a connection is one user's: it closes when the server answers for another`, async () => {
    const server = new FakeServer();
    server.user = "alice";
    const { clock, connection, events } = open({ server, user: undefined, transports: ["sse"] });
    await clock.advance(20_000);
    server.user = "bob";
    server.hangUp();
    await clock.advance(5000);
    const { code } = /** @type {any} */ (connection.error);
    assert.deepEqual([connection.status, code, events.length], ["closed", "user_changed", 1]);

    const named = open({ server, user: "alice", transports: [transport] });
    await named.clock.advance(5000);
    const error = /** @type {any} */ (named.connection.error);
    assert.deepEqual([named.connection.status, error.code, named.events], ["closed", "user_changed", []]);
  });
}

test("a request says whose inbox it means, in characters that a header takes", async () => {
  const server = new FakeServer();
  server.user = "zoë 50%@x.io";
  const { clock, connection } = open({ server, user: server.user, transports: ["long-poll"] });
  await clock.advance(1000);
  assert.deepEqual([connection.status, server.received.at(-1)?.headers.get("tidings-user")], ["open", "zo%C3%AB%2050%25@x.io"]);
  connection.close();
});

test("debug logs each connect, disconnect and reconnect with its reason", async (t) => {
  const log = t.mock.method(console, "debug", () => {});
  const { server, clock, connection } = open({ debug: true, transports: ["sse"] });
  await clock.advance(20_000);
  server.overrides["/v1/stream"] = [() => problem(503, "overloaded", { "retry-after": "7" })];
  server.control("goaway", { reason: "drain", retry: 3000 });
  await clock.advance(30_000);
  const lines = log.mock.calls.map(({ arguments: [message, details] }) => [message.replace("tidings: ", ""), details]);
  assert.deepEqual(lines.map(([message]) => message), [
    "connected", "disconnected", "reconnecting", "disconnected", "reconnecting", "connected",
  ]);
  const [, , , [, refused], [, wait]] = /** @type {any} */ (lines);
  assert.deepEqual([refused.reason, refused.status, refused.code, wait.delay >= 7000], ["busy", 503, "overloaded", true]);
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

test("an event of the log cannot be dispatched under a reserved name", async () => {
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

test("a loop that falls too far behind ends with an error, and has lost nothing before", async () => {
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
    await clock.advance(600_000);
    assert.equal(server.requests.length, requests, transport);
  }
});

test("close while it waits for the next try ends the waiting", async () => {
  const { server, clock, connection } = open();
  server.down = true;
  await clock.advance(10_000);
  connection.close();
  await settle();
  assert.equal(clock.timers, 0);
});

test("an invalid url or transport is a TypeError at once", () => {
  assert.throws(() => connect({ url: "http://" }), TypeError);
  assert.throws(() => connect({ url: "http://x", transports: [] }), TypeError);
  assert.throws(() => connect({ url: "http://x", transports: [/** @type {any} */ ("pigeon")] }), TypeError);
});

for (const transport of /** @type {const} */ (["sse", "ws", "long-poll", "short-poll"])) {
  test(`${transport}: hello first, all events once and in order, over failures and reconnects`, async () => {
    const { server, clock, connection, events, created } = open({ transports: [transport] });
    await settle();
    for (let round = 0; round < 10; round++) {
      server.publish(4);
      await clock.advance(500);
      server.hangUp();
      server.publish(3);
      server.down = round % 3 === 0;
      await clock.advance(9000);
      server.down = false;
      await clock.advance(50_000);
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
    await clock.advance(5000);
    const reset = events.findIndex(({ type }) => type === "reset");
    assert.equal(events[reset - 1].type, "hello");
    assert.deepEqual(events[reset], { id: "e-3", type: "reset", data: { reason: "invalid_cursor", cursor: "e-3" } });
    server.publish();
    await clock.advance(10_000);
    assert.equal(connection.cursor, "e-4");
    connection.close();
  });

  test(`${transport}: another epoch means a reset, after which old ids count as new`, async () => {
    const { server, clock, connection, events } = open({ transports: [transport] });
    await settle();
    server.publish(2);
    await clock.advance(10_000);
    server.log = server.log.map(({ data, type }, index) => ({ id: `f-${index + 1}`, type, data }));
    server.epoch = "f";
    server.hangUp();
    server.endWaiting();
    await clock.advance(40_000);
    assert.equal(events.filter(({ type }) => type === "reset").length, 1);
    assert.equal(connection.cursor, "f-2");
    connection.close();
  });

  test(`${transport}: a reset that is cut off after its hello comes again`, async () => {
    const server = new FakeServer();
    server.publish(2);
    const { clock, connection, events, created } = open({ server, transports: [transport], cursor: "old-5" });
    server.truncateAfter = 1;
    await clock.advance(5000);
    server.hangUp();
    server.truncateAfter = Infinity;
    await clock.advance(60_000);
    assert.deepEqual(events.filter(({ type }) => type === "reset").map(({ id }) => id), ["e-0"]);
    assert.deepEqual(created(), ["e-1", "e-2"]);
    connection.close();
  });

  test(`${transport}: a token is fetched again when it is refused, once`, async () => {
    let tokens = 0;
    const server = new FakeServer();
    const path = { sse: "/v1/stream", ws: "/v1/tickets", "long-poll": "/v1/poll", "short-poll": "/v1/poll" }[transport];
    server.overrides[path] = [() => problem(401, "expired")];
    const { clock, connection } = open({ server, transports: [transport], getToken: async () => `t${++tokens}` });
    await clock.advance(1000);
    assert.deepEqual([connection.status, tokens], ["open", 2]);
    assert.equal(server.received.find(({ url }) => url.search.includes("user=")), undefined);
    assert.equal(server.received.at(-1)?.headers.get("authorization"), "Bearer t2");
    assert.equal(asked(server, "WS").some((request) => request.includes("ticket=tick")), transport === "ws");
    connection.close();
  });
}

test("a refusal where there is no token to replace closes it at once", async () => {
  for (const status of [401, 403]) {
    const server = new FakeServer();
    server.overrides["/v1/stream"] = [() => problem(status, "no")];
    const { clock, connection } = open({ server });
    await clock.advance(100_000);
    assert.deepEqual([connection.status, server.requests.length], ["closed", 1], `${status}`);
  }
});

test("the second refusal in a row closes it, with an error that tells why", async () => {
  const server = new FakeServer();
  server.overrides["/v1/stream"] = [() => problem(401, "expired"), () => problem(403, "topic_forbidden")];
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
  await clock.advance(100_000);
  assert.equal(server.requests.length, 2);
});

test("refusals with a hello between them do not add up", async () => {
  const { server, clock, connection } = open({ getToken: () => "t" });
  for (let round = 0; round < 3; round++) {
    await clock.advance(20_000);
    server.overrides["/v1/stream"] = [() => problem(401, "expired")];
    server.hangUp();
  }
  await clock.advance(5000);
  assert.equal(connection.status, "open");
  connection.close();
});

test("a request that is wrong is not repeated", async () => {
  const server = new FakeServer();
  server.overrides["/v1/stream"] = [() => problem(400, "invalid_topic")];
  const { clock, connection } = open({ server });
  await clock.advance(100_000);
  assert.deepEqual([connection.status, server.requests.length], ["closed", 1]);
  assert.match(String(connection.error), /invalid_topic/);
});

test("invalid_cursor without a cursor in the request is not retried", async () => {
  const server = new FakeServer();
  server.overrides["/v1/stream"] = Array(9).fill(() => problem(400, "invalid_cursor"));
  const { clock, connection } = open({ server, cursor: "e-0" });
  await clock.advance(10_000);
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

test("204 does not close the stream for good: it is tried again, at growing intervals", async () => {
  const server = new FakeServer();
  server.overrides["/v1/stream"] = [1, 2].map(() => () => jsonResponse(204, null));
  const { clock, connection } = open({ server, transports: ["sse"] });
  await clock.advance(10_000);
  assert.deepEqual([connection.status, connection.transport, asked(server, "/v1/stream").length], ["open", "sse", 3]);
  connection.close();
});

for (const [type, passes] of /** @type {[string, boolean][]} */ ([
  ["Text/Event-Stream", true],
  ["TEXT/EVENT-STREAM; charset=utf-8", true],
  [" text/event-stream ;charset=utf-8", true],
  ["text/event-streamish", false],
  ["application/json; a=text/event-stream", false],
])) {
  test(`a stream's media type is compared as a whole, whatever its case: ${type}`, async () => {
    const server = new FakeServer();
    server.contentType = type;
    const { connection } = open({ server });
    await settle();
    assert.equal(connection.transport, passes ? "sse" : "long-poll");
    connection.close();
  });
}

test("a getToken that rejects, or never resolves, is retried", async () => {
  let calls = 0;
  const getToken = () => {
    calls++;
    if (calls === 1) return Promise.reject(new Error("offline"));
    if (calls === 2) return new Promise(() => {});
    return Promise.resolve("t");
  };
  const { clock, connection } = open({ getToken: /** @type {any} */ (getToken), transports: ["sse"] });
  await clock.advance(20_000);
  assert.deepEqual([connection.status, calls], ["open", 3]);
  connection.close();
});

test("the time that a token takes does not count against the transport", async () => {
  for (const transport of /** @type {const} */ (["sse", "ws"])) {
    /** @type {(token: string) => void} */
    let give = () => {};
    const getToken = () => new Promise((resolve) => (give = resolve));
    const { clock, connection, statuses } = open({ getToken: /** @type {any} */ (getToken), transports: [transport, "long-poll"] });
    await clock.advance(8000);
    give("t");
    await settle();
    assert.deepEqual([connection.status, statuses], ["open", [`open ${transport}`]]);
    connection.close();
  }
});

test("a token that takes more than ten seconds is retried on the same transport", async () => {
  let calls = 0;
  const getToken = () => (++calls < 6 ? new Promise(() => {}) : "t");
  const { clock, connection, statuses } = open({ getToken: /** @type {any} */ (getToken) });
  await clock.advance(9900);
  assert.deepEqual(statuses, []);
  await clock.advance(200);
  assert.deepEqual(statuses, ["reconnecting sse"]);
  await clock.advance(100_000);
  assert.deepEqual([connection.status, connection.transport, calls], ["open", "sse", 6]);
  connection.close();
});

test("concurrent requests fetch one token", async () => {
  let calls = 0;
  const api = new HttpClient({ url: "http://tidings.test", getToken: async () => `t${++calls}` }, open().clock.env);
  assert.deepEqual(await Promise.all([api.token(), api.token(), api.token()]), ["t1", "t1", "t1"]);
  api.dropToken();
  const [old, young] = [api.token(), (api.dropToken(), api.token())];
  assert.deepEqual([await old, await young, await api.token()], ["t2", "t3", "t3"], "what was forgotten does not come back");
});

test("a connection that the server ended with its token is made anew with another", async () => {
  for (const transport of /** @type {const} */ (["sse", "ws", "long-poll", "short-poll"])) {
    let tokens = 0;
    const { server, clock, connection, created } = open({ transports: [transport], getToken: () => `t${++tokens}` });
    await clock.advance(20_000);
    if (transport.endsWith("poll")) {
      server.overrides["/v1/poll"] = [() => problem(401, "token_expired")];
      server.endWaiting();
    } else {
      server.control("goaway", { reason: "token_expired", retry: 0 });
      for (const socket of [...server.sockets]) socket.drop(4401, "no valid token");
      server.hangUp();
    }
    server.publish();
    await clock.advance(10_000);
    assert.deepEqual([connection.status, tokens, created()], ["open", 2, ["e-1"]], transport);
    assert.equal(server.received.at(-1)?.headers.get("authorization"), "Bearer t2", transport);
    connection.close();
  }
});

test("an expiring token is replaced before it ends, and nothing is missed", async () => {
  let tokens = 0;
  const { server, clock, connection, created } = open({ getToken: () => `t${++tokens}` });
  await clock.advance(20_000);
  server.control("expiring", { expire_time: "2026-01-01T00:00:00Z" });
  await settle();
  server.publish();
  await clock.advance(2000);
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
    await clock.advance(1000);
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

test("delays are what the server asked for, plus a random part of a window that doubles up to a cap", () => {
  const highest = new Backoff(() => 1);
  assert.deepEqual([1, 2, 3, 4, 5, 6, 7].map(() => highest.next()), [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  const lowest = new Backoff(() => 0);
  assert.deepEqual([1, 2, 3].map(() => lowest.next()), [0, 0, 0]);
  highest.reset();
  highest.retry = 60_000;
  assert.deepEqual([highest.next(), highest.next()], [61_000, 62_000]);
  assert.equal(highest.next(5000), 9000, "goaway and Retry-After replace retry: once");
});

test("Retry-After is seconds or a date", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  assert.equal(parseRetryAfter("7", now), 7000);
  assert.equal(parseRetryAfter("Thu, 01 Jan 2026 00:00:09 GMT", now), 9000);
  assert.equal(parseRetryAfter("Thu, 01 Jan 2015 00:00:09 GMT", now), 0);
  assert.equal(parseRetryAfter("soon", now), 0);
  assert.equal(parseRetryAfter("2.5", now), 2500, "and so is X-Poll-Interval");
  assert.equal(parseRetryAfter(null, now), 0);
  assert.equal(parseRetryAfter("86400", now), 600_000, "but no longer than ten minutes");
  assert.equal(parseRetryAfter("Thu, 01 Jan 2099 00:00:09 GMT", now), 600_000);
});

test("a server that is down is asked at growing intervals by a page that is hidden", async () => {
  const { server, clock, connection, statuses } = open({ transports: ["sse"] });
  clock.document.hidden = true;
  server.down = true;
  await clock.advance(60_000);
  const first = asked(server, "/v1/stream").length;
  await clock.advance(60_000);
  const second = asked(server, "/v1/stream").length - first;
  assert.ok(first <= 9 && second <= 5, `${first} ${second}`);
  assert.deepEqual(statuses, ["reconnecting sse"]);
  server.down = false;
  await clock.advance(30_000);
  assert.equal(connection.status, "open");
  connection.close();
});

test("a server that was down for a while is reached within five seconds by a page in front", async () => {
  const { server, clock, connection } = open({ transports: ["sse"] });
  clock.randomValue = 1;
  server.down = true;
  await clock.advance(60_000);
  server.down = false;
  await clock.advance(5000);
  assert.equal(connection.status, "open");
  connection.close();
});

test("a server that is busy is asked at growing intervals, also by a page in front", async () => {
  const server = new FakeServer();
  server.overrides["/v1/stream"] = Array.from({ length: 99 }, () => () => problem(503, "overloaded"));
  const { clock, connection } = open({ server, transports: ["sse"] });
  await clock.advance(120_000);
  assert.ok(asked(server, "/v1/stream").length <= 13, `${asked(server, "/v1/stream").length}`);
  connection.close();
});

test("no reconnect is earlier than the server's retry:, and a random part of a second comes on top", async () => {
  const { server, clock, connection } = open();
  server.retry = "8000";
  server.hangUp();
  await clock.advance(20_000);
  server.hangUp();
  await clock.advance(8400);
  assert.equal(connection.status, "reconnecting");
  await clock.advance(200);
  assert.equal(connection.status, "open");
  connection.close();
});

test("goaway and Retry-After replace the server's retry: for one reconnect", async () => {
  const { server, clock, connection } = open({ transports: ["sse"] });
  server.retry = "60000";
  server.hangUp();
  await clock.advance(20_000);
  server.control("goaway", { reason: "drain", retry: 2000 });
  await clock.advance(2600);
  assert.equal(connection.status, "open");
  connection.close();
});

test("goaway is obeyed, also when the page becomes visible", async () => {
  const { server, clock, connection, created } = open();
  await clock.advance(20_000);
  server.control("goaway", { reason: "drain", retry: 5000 });
  server.hangUp();
  server.publish();
  await clock.advance(4000);
  clock.show();
  await clock.advance(900);
  assert.deepEqual([connection.status, asked(server, "/v1/stream").length], ["reconnecting", 1]);
  await clock.advance(1200);
  assert.deepEqual([connection.status, created()], ["open", ["e-1"]]);
  connection.close();
});

test("Retry-After is obeyed", async () => {
  const server = new FakeServer();
  server.overrides["/v1/stream"] = [() => problem(503, "overloaded", { "retry-after": "30" })];
  const { clock, connection } = open({ server });
  await clock.advance(29_900);
  assert.equal(server.requests.length, 1);
  await clock.advance(1100);
  assert.equal(connection.status, "open");
  connection.close();
});

test("no delay from the server exceeds ten minutes", async () => {
  for (const wish of [86_400_000, 1e300, "86400000"]) {
    const { server, clock, connection } = open({ transports: ["sse"] });
    await clock.advance(20_000);
    server.control("goaway", { reason: "drain", retry: wish });
    await clock.advance(590_000);
    assert.equal(connection.status, "reconnecting");
    await clock.advance(12_000);
    assert.equal(connection.status, "open", `goaway ${wish}`);
    connection.close();
  }
  for (const wish of ["soon", -1, null, {}]) {
    const { server, clock, connection } = open({ transports: ["sse"] });
    await clock.advance(20_000);
    server.control("goaway", { reason: "drain", retry: wish });
    await clock.advance(2000);
    assert.equal(connection.status, "open", `goaway ${wish}`);
    connection.close();
  }
  const { server, clock, connection } = open({ transports: ["sse"] });
  server.retry = "999999999999";
  clock.randomValue = 0.99;
  await clock.advance(20_000);
  server.hangUp();
  await clock.advance(601_000);
  assert.equal(connection.status, "open", "retry:");
  server.hangUp();
  server.overrides["/v1/stream"] = [() => problem(503, "overloaded", { "retry-after": "86400" })];
  server.retry = "";
  await clock.advance(602_000); // retry: holds until the server sends another
  await clock.advance(604_000);
  assert.equal(connection.status, "open", "Retry-After");
  connection.close();
});

test("no interval from the server makes short polls rarer than every ten minutes", async () => {
  const server = new FakeServer();
  const page = { events: [], cursor: "e-0", more: false };
  server.overrides["/v1/poll"] = [() => jsonResponse(200, page, { "x-poll-interval": "86400" })];
  const { clock, connection } = open({ server, transports: ["short-poll"] });
  await clock.advance(601_000);
  assert.equal(asked(server, "/v1/poll").length, 2);
  connection.close();
});

test("a page that becomes visible does not wait any longer", async () => {
  const { server, clock, connection } = open({ transports: ["sse"] });
  server.down = true;
  await clock.advance(120_000);
  server.down = false;
  const before = clock.time;
  clock.show();
  await settle();
  assert.deepEqual([connection.status, clock.time], ["open", before]);
  connection.close();
});

test("429 and 503 are retried, 404 is not", async () => {
  for (const status of [408, 425, 429, 500, 502, 503]) {
    const server = new FakeServer();
    server.overrides["/v1/stream"] = [() => problem(status, "later")];
    const { clock, connection } = open({ server });
    await clock.advance(2000);
    assert.deepEqual([connection.status, connection.transport], ["open", "sse"], `${status}`);
    connection.close();
  }
  for (const status of [404, 405, 406, 410, 426, 501]) {
    const server = new FakeServer();
    server.overrides["/v1/stream"] = [() => problem(status, "no")];
    const { connection } = open({ server });
    await settle();
    assert.deepEqual([connection.status, connection.transport], ["open", "long-poll"], `${status}`);
    connection.close();
  }
});

test("an endpoint that no transport finds is asked for once on each, and then no more", async () => {
  for (const status of [404, 405, 406, 410, 426, 501]) {
    for (const transports of /** @type {Transport[][]} */ ([["sse"], ["long-poll"], ["ws", "sse"], ["sse", "long-poll", "short-poll"]])) {
      const server = new FakeServer();
      server.refuseSockets = true;
      server.fetch = async (input) => {
        server.requests.push(`GET ${new URL(input).pathname}`);
        return problem(status, "not_found");
      };
      const { clock, connection } = open({ server, transports });
      await settle();
      const { length } = server.requests;
      await clock.advance(1_000_000);
      assert.deepEqual([connection.status, server.requests.length], ["closed", length], `${status} ${transports}`);
      assert.match(String(connection.error), /not_found/);
    }
  }
});

test("a proxy's page on every transport ends a connection that was never open, and is retried by one that was", async () => {
  const page = () => new Response("<html>404", { status: 404, headers: { "content-type": "text/html" } });
  const never = new FakeServer();
  never.fetch = async () => page();
  const first = open({ server: never });
  await first.clock.advance(10_000);
  assert.deepEqual([first.connection.status, String(first.connection.error)], ["closed", "TidingsError: HTTP 404"]);

  const { server, clock, connection } = open();
  const { fetch } = server;
  await clock.advance(20_000);
  server.fetch = async () => page();
  server.hangUp();
  await clock.advance(200_000);
  assert.equal(connection.status, "reconnecting");
  server.fetch = fetch;
  await clock.advance(40_000);
  assert.equal(connection.status, "open");
  connection.close();
});

test("a refusal by a proxy is not taken for the server's", async () => {
  for (const status of [400, 413, 421, 431]) {
    const server = new FakeServer();
    server.overrides["/v1/stream"] = [() => new Response("<html>", { status })];
    const { connection } = open({ server });
    await settle();
    assert.deepEqual([connection.status, connection.transport], ["open", "long-poll"], `${status}`);
    connection.close();
  }
});

test("sleep leaves no timer or listener, however it ends", async () => {
  const { clock } = open();
  const { signal } = new AbortController();
  const asleep = sleep(clock.env, 1000, signal);
  assert.equal(getEventListeners(signal, "abort").length, 1);
  await clock.advance(1000);
  await asleep;
  assert.equal(getEventListeners(signal, "abort").length, 0);
});

// Transport fallback

test("a proxy that buffers streams: long polling after three seconds, with a hello", async () => {
  const server = new FakeServer();
  server.buffering = true;
  const { clock, connection, events, statuses, created } = open({ server });
  await clock.advance(2900);
  assert.deepEqual(statuses, []);
  await clock.advance(200);
  assert.deepEqual(statuses, ["open long-poll"]);
  assert.deepEqual(events.map(({ id, type }) => [id, type]), [["e-0", "hello"]]);
  assert.equal(server.streams.size, 0, "the stream that was held back is given up");
  server.publish(5);
  await clock.advance(100);
  assert.deepEqual(created(), ["e-1", "e-2", "e-3", "e-4", "e-5"]);
  connection.close();
});

test("a response that is no event stream: the next transport at once", async () => {
  const server = new FakeServer();
  server.overrides["/v1/stream"] = [() => jsonResponse(200, "<html>")];
  const { connection, statuses } = open({ server });
  await settle();
  assert.deepEqual(statuses, ["open long-poll"]);
  connection.close();
});

test("streams that end early three times: the next transport", async () => {
  const { server, clock, connection, created } = open();
  for (let death = 0; death < 3; death++) {
    await clock.advance(6000);
    assert.equal(connection.transport, "sse");
    server.publish();
    server.hangUp();
  }
  await clock.advance(6000);
  assert.deepEqual([connection.transport, connection.status, created()], ["long-poll", "open", ["e-1", "e-2", "e-3"]]);
  connection.close();
});

test("streams that go silent after hello, twice: the next transport", async () => {
  const { clock, connection } = open();
  await clock.advance(64_000);
  assert.equal(connection.transport, "sse");
  await clock.advance(64_000);
  assert.equal(connection.transport, "long-poll");
  connection.close();
});

test("long polls that are cut: short polls", async () => {
  const server = new FakeServer();
  server.buffering = true;
  const cutOff = () => problem(504, "gateway_timeout");
  const { clock, connection, created } = open({ server, transports: ["long-poll", "short-poll"] });
  server.overrides["/v1/poll"] = Array(6).fill(cutOff);
  await clock.advance(60_000);
  assert.equal(connection.transport, "long-poll", "a busy response does not count against the transport");
  server.overrides["/v1/poll"] = Array(4).fill(() => {
    throw new TypeError("connection reset");
  });
  server.endWaiting();
  server.publish();
  await clock.advance(20_000);
  assert.deepEqual([connection.transport, created()], ["short-poll", ["e-1"]]);
  connection.close();
});

test("a server that is down does not change the transport", async () => {
  const { server, clock, connection } = open();
  await clock.advance(20_000);
  server.hangUp();
  server.down = true;
  await clock.advance(200_000);
  server.down = false;
  await clock.advance(30_000);
  assert.deepEqual([connection.status, connection.transport], ["open", "sse"]);
  connection.close();
});

test("streams that get no connection while plain requests pass: the next transport", async () => {
  const server = new FakeServer();
  server.overrides["/v1/stream"] = Array(9).fill(() => {
    throw new TypeError("reset by inspection");
  });
  const { clock, connection } = open({ server });
  await clock.advance(10_000);
  assert.deepEqual([connection.status, connection.transport], ["open", "long-poll"]);
  connection.close();
});

test("back to streams when they pass again, probed at growing intervals, without a gap or a second hello before", async () => {
  const server = new FakeServer();
  server.buffering = true;
  const { clock, connection, events, statuses, created } = open({ server });
  await clock.advance(3100);
  await clock.advance(60_000 + 120_000 + 10_000);
  assert.equal(asked(server, "/v1/stream").length, 3, "tried at first, after one minute, after two more");
  assert.deepEqual(statuses, ["open long-poll"]);
  assert.equal(events.length, 1);
  server.buffering = false;
  server.publish();
  await clock.advance(240_000);
  server.publish();
  await clock.advance(100);
  assert.deepEqual(statuses, ["open long-poll", "open sse"]);
  assert.deepEqual(created(), ["e-1", "e-2"]);
  connection.close();
});

test("a proxy that lets only the hello pass: streams are probed at growing intervals", async () => {
  const { clock, connection } = open({ transports: ["sse", "long-poll"] });
  const MINUTE = 60_000;
  /** @type {number[]} */
  const returns = [];
  let last = connection.transport;
  connection.addEventListener("status", () => {
    if (connection.transport === "sse" && last !== "sse") returns.push(clock.time);
    last = connection.transport;
  });
  await clock.advance(400 * MINUTE);
  const gaps = returns.slice(1).map((time, index) => Math.round((time - Number(returns[index])) / MINUTE));
  assert.equal(connection.transport, "long-poll");
  assert.deepEqual(gaps.slice(0, 5), [4, 6, 10, 18, 34], "two minutes of silence each, and 2, 4, 8 ... of polls");
  connection.close();
});

test("another network does not cut short the time that the server asked for", async () => {
  const server = new FakeServer();
  server.buffering = true;
  const { clock, connection } = open({ server });
  await clock.advance(4000);
  assert.equal(connection.transport, "long-poll");
  server.overrides["/v1/poll"] = [() => problem(503, "overloaded", { "retry-after": "30" })];
  server.buffering = false;
  server.endWaiting();
  await clock.advance(1000);
  assert.equal(connection.status, "reconnecting");
  const before = server.requests.length;
  clock.window.dispatchEvent(new Event("online"));
  await clock.advance(28_000);
  assert.equal(server.requests.length, before);
  await clock.advance(3000);
  assert.deepEqual([connection.status, connection.transport], ["open", "sse"]);
  connection.close();
});

test("close at the moment a stream ends leaves no timer", async () => {
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
  await clock.advance(4000);
  assert.equal(connection.transport, "long-poll");
  server.buffering = false;
  clock.window.dispatchEvent(new Event("online"));
  await clock.advance(100);
  assert.deepEqual([connection.status, connection.transport], ["open", "sse"]);
  connection.close();
});

test("WebSocket on request, and SSE where it does not pass", async () => {
  const { connection } = open({ transports: ["ws", "sse"] });
  await settle();
  assert.deepEqual([connection.status, connection.transport], ["open", "ws"]);
  connection.close();
  const server = new FakeServer();
  server.refuseSockets = true;
  const second = open({ server, transports: ["ws", "sse"] });
  await settle();
  assert.deepEqual([second.connection.status, second.connection.transport], ["open", "sse"]);
  second.connection.close();
});

test("a WebSocket's close code decides: reconnect, another token, another transport, or stop", async () => {
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

test("without a WebSocket API, as in Node 20, the next transport is taken at once, or the connection fails", async () => {
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

test("a WebSocket that cannot be read, without another transport, is an error", async () => {
  const { server, clock, connection } = open({ transports: ["ws"] });
  await clock.advance(20_000);
  for (const socket of [...server.sockets]) socket.drop(1007, "not UTF-8");
  await settle();
  assert.deepEqual([connection.status, String(connection.error)], ["closed", "TidingsError: not UTF-8"]);
});

test("a WebSocket that closes before its hello counts as blocked when plain requests pass", async () => {
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

test("short polls keep the server's interval, send back its ETag, and accept 304", async () => {
  const server = new FakeServer();
  server.publish();
  const { clock, connection, created } = open({ server, transports: ["short-poll"], cursor: "e-1" });
  await clock.advance(80_500);
  assert.equal(asked(server, "/v1/poll").length, 11, "every eight seconds");
  assert.equal(server.received.at(-1)?.headers.get("if-none-match"), '"e-1+0"');
  server.publish();
  await clock.advance(17_000);
  assert.deepEqual(created(), ["e-2"]);
  assert.equal(server.received.at(-1)?.headers.get("if-none-match"), null, "an ETag belongs to its cursor");
  connection.close();
});

test("polls leave no listener behind", async () => {
  const { server, clock, connection } = open({ transports: ["short-poll"] });
  const { fetch } = server;
  /** @type {Set<EventTarget>} */
  const signals = new Set();
  server.fetch = (input, init) => {
    signals.add(/** @type {AbortSignal} */ (init?.signal));
    return fetch(input, init);
  };
  for (let round = 0; round < 100; round++) await clock.advance(8000);
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

test("a long poll without a response is abandoned", async () => {
  const { server, clock, connection } = open({ transports: ["long-poll"] });
  await settle();
  server.after = undefined;
  await clock.advance(26_000);
  const before = asked(server, "/v1/poll").length;
  await clock.advance(36_000);
  assert.equal(asked(server, "/v1/poll").length, before + 1);
  connection.close();
});

test("long polls that come back empty at once are not repeated in a hurry", async () => {
  const { server, clock, connection } = open({ transports: ["long-poll"] });
  await settle();
  server.overrides["/v1/poll"] = Array(100).fill(() => jsonResponse(200, { events: [], cursor: "e-0", more: false }));
  server.endWaiting();
  await clock.advance(60_000);
  assert.ok(asked(server, "/v1/poll").length < 20, `${asked(server, "/v1/poll").length}`);
  connection.close();
});

test("a credential without an inbox still gets a hello", async () => {
  const server = new FakeServer();
  server.publish();
  server.overrides["/v1/inbox/counters"] = [() => problem(403, "forbidden")];
  const { connection, events } = open({ server, transports: ["long-poll"] });
  await settle();
  assert.deepEqual([events[0].id, events[0].data.counters], ["e-1", null]);
  connection.close();
});

// Liveness

test("a server that is silent for two and a half heartbeats counts as gone", async () => {
  const { server, clock, connection } = open({ transports: ["sse"] });
  server.heartbeat = 10;
  await clock.advance(20_000);
  server.hangUp();
  await clock.advance(1000);
  server.sendHeartbeat();
  await clock.advance(24_900);
  assert.equal(connection.status, "open");
  await clock.advance(200);
  assert.equal(connection.status, "reconnecting");
  connection.close();
});

test("a comment is a sign of life", async () => {
  const { server, clock, connection, statuses } = open();
  for (let beats = 0; beats < 20; beats++) {
    await clock.advance(25_000);
    server.sendHeartbeat();
  }
  assert.deepEqual(statuses, ["open sse"]);
  connection.close();
});

test("a WebSocket sends its own pings", async () => {
  const { server, clock, connection, statuses } = open({ transports: ["ws"] });
  await settle();
  const [socket] = server.sockets;
  for (let beats = 0; beats < 5; beats++) {
    await clock.advance(25_000);
    assert.equal(socket?.sent.length, beats + 1);
    socket?.give({ id: "", type: "pong", data: {} });
  }
  assert.deepEqual(statuses, ["open ws"]);
  assert.equal(socket?.sent[0], '{"type":"ping"}');
  await clock.advance(63_000);
  assert.equal(socket?.closed, true, "and leaves when there are none");
  connection.close();
});

test("a throttled timer does not count a live server as gone", async () => {
  const { server, clock, connection, statuses } = open();
  await settle();
  clock.throttle = 59_000;
  for (let beats = 0; beats < 40; beats++) {
    await clock.advance(25_000);
    server.sendHeartbeat();
  }
  assert.deepEqual(statuses, ["open sse"]);
  connection.close();
});

test("a hidden tab notices a server that is really gone, though late", async () => {
  const { clock, connection, statuses } = open({ transports: ["sse"] });
  clock.throttle = 59_000;
  await clock.advance(250_000);
  assert.ok(statuses.includes("reconnecting sse"));
  connection.close();
});

test("after sleep, what lies in the socket counts; if nothing does, the server is gone", async () => {
  const { server, clock, connection, statuses } = open();
  await clock.advance(20_000);
  server.sendHeartbeat();
  await settle();
  clock.sleep(3_600_000);
  clock.show();
  await settle();
  server.publish(); // arrives after the timers
  await clock.advance(5000);
  assert.deepEqual(statuses, ["open sse"]);
  clock.sleep(3_600_000);
  clock.show();
  clock.show();
  await clock.advance(1900);
  assert.equal(connection.status, "open");
  await clock.advance(200);
  assert.equal(connection.status, "reconnecting");
  await clock.advance(1000);
  assert.equal(connection.status, "open");
  connection.close();
});

test("a clock that is set back is harmless", async () => {
  const { server, clock, connection } = open({ transports: ["sse"] });
  await clock.advance(20_000);
  clock.sleep(-86_400_000);
  await clock.advance(140_000);
  assert.equal(asked(server, "/v1/stream").length, 2);
  connection.close();
});

// Views of the events

test("duplicates are dropped, until a reset", async () => {
  const { server, connection, created } = open();
  await settle();
  server.publish(2);
  const [first, second] = server.log;
  const say = (/** @type {any} */ { id, type, data }) =>
    server.streams.forEach((stream) => stream.send(`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`));
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

test("an event without an id, of an unknown type, is not dropped as a duplicate", async () => {
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
  server.streams.forEach((stream) => stream.send("id: e-7\n\n"));
  await settle();
  server.hangUp();
  await clock.advance(2000);
  assert.match(server.requests.at(-1) ?? "", /cursor=e-7/);
  connection.close();
});

// The page

test("a page in the back/forward cache holds nothing, and resumes from its cursor when it is back", async () => {
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

test("a page that becomes hidden does not wake the connection", async () => {
  const { server, clock, connection } = open({ transports: ["sse"] });
  server.down = true;
  await clock.advance(100_000);
  const before = server.requests.length;
  clock.document.hidden = true;
  clock.show();
  await settle();
  assert.equal(server.requests.length, before);
  connection.close();
});
