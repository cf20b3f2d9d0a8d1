import assert from "node:assert/strict";
import { test } from "node:test";

import { defaultEnv } from "../src/env.js";
import { TidingsError } from "../src/http.js";
import { openInbox } from "../src/inbox.js";
import { openStore } from "../src/inbox/store.js";
import { FakeServer } from "../fakes/server.js";
import { cursorAt, item, page, logEvent } from "../fakes/notifications.js";

/** @import { TestContext } from "node:test" */
/** @import { Env } from "../src/env.js" */
/** @import { InboxEvent } from "../src/inbox/model.js" */
/** @import { Inbox, StoreOptions } from "../src/inbox/store.js" */

/** A connection that delivers the events given to `send`. */
class ScriptedConnection extends EventTarget {
  status = "open";
  /** @type {InboxEvent[]} */
  #events = [];
  #wake = () => {};

  /** @param {...InboxEvent} events */
  async send(...events) {
    this.#events.push(...events);
    this.#wake();
    await settle();
  }

  /** @param {string} status */
  setStatus(status) {
    this.status = status;
    this.dispatchEvent(new Event("status"));
    this.#wake();
  }

  close() {
    this.setStatus("closed");
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      while (this.#events.length) yield /** @type {InboxEvent} */ (this.#events.shift());
      if (this.status === "closed") return;
      await new Promise((resolve) => (this.#wake = () => resolve(undefined)));
    }
  }
}

/** Resolves after all pending callbacks. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A promise that the test resolves. */
function deferred() {
  /** @type {(value: any) => void} */
  let resolve = () => {};
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}

/**
 * @param {(url: string, init: any) => Promise<Response>} fetch
 * @param {() => number} [now]
 * @returns {Env}
 */
const environment = (fetch, now = () => Date.parse("2026-01-01T00:00:00Z")) => ({
  ...defaultEnv(),
  now,
  fetch: /** @type {any} */ (fetch),
});

/**
 * An inbox, its connection, and the requests it makes: answered by `answer`, which may give a promise.
 *
 * @param {TestContext} t
 * @param {(path: string, body: any, method: string) => any} answer
 * @param {Partial<StoreOptions> & {now?: () => number}} [options]
 */
function open(t, answer, { now, ...options } = {}) {
  /** @type {string[]} */
  const requests = [];
  const connection = new ScriptedConnection();
  /** @type {any[]} */
  const connects = [];
  const inbox = openStore({
    url: "https://t.example/",
    user: "alice",
    connect: (/** @type {any} */ how) => (connects.push(how), connection),
    env: environment(async (url, init) => {
      const { pathname, search } = new URL(url);
      const body = init.body && JSON.parse(init.body);
      requests.push(`${init.method} ${pathname}${search}${body ? ` ${init.body}` : ""}`);
      const response = await answer(pathname, body, init.method);
      return response instanceof Response ? response : Response.json(response ?? {});
    }, now),
    ...options,
  });
  t.after(inbox.close);
  return { inbox, connection, connects, requests };
}

const problem = () => Response.json({ detail: "no", code: "forbidden" }, { status: 403 });
const ids = (/** @type {Inbox} */ inbox) => inbox.getSnapshot().items.map(({ id }) => id);

test("the inbox loads the first page, then streams from its cursor", async (t) => {
  const { inbox, connects, requests, connection } = open(t, () => page([item(2), item(1)], { cursor: cursorAt(7) }));
  assert.equal(inbox.getSnapshot().phase, "loading");
  await settle();
  assert.deepEqual([inbox.getSnapshot().phase, ids(inbox)], ["ready", ["n2", "n1"]]);
  assert.deepEqual(requests, ["GET /v1/inbox?limit=20&user=alice"]);
  assert.equal(connects[0].cursor, cursorAt(7));
  await connection.send(logEvent(8, "notification.created", item(8)));
  assert.deepEqual(ids(inbox), ["n8", "n2", "n1"]);
});

test("the snapshot is the same object until something changes, and subscribers are called after each change", async (t) => {
  const { inbox, connection } = open(t, () => page([item(1)]));
  await settle();
  const before = inbox.getSnapshot();
  assert.equal(inbox.getSnapshot(), before);
  let heard = 0;
  const stop = inbox.subscribe(() => (heard += 1));
  await connection.send(logEvent(2, "notification.created", item(2)));
  assert.equal(heard, 1);
  assert.notEqual(inbox.getSnapshot(), before);
  stop();
  await connection.send(logEvent(3, "notification.created", item(3)));
  assert.equal(heard, 1);
});

test("listeners get each event after it was applied", async (t) => {
  const { inbox, connection } = open(t, () => page([item(1)]));
  await settle();
  /** @type {string[]} */
  const seen = [];
  inbox.listen((event) => seen.push(`${event.type} ${inbox.getSnapshot().counters.unread}`));
  await connection.send(logEvent(2, "notification.created", item(2)));
  assert.deepEqual(seen, ["notification.created 2"]);
});

test("markRead shows at once, and stays when the server accepts it", async (t) => {
  const agree = deferred();
  const { inbox, requests } = open(t, (path) => (path === "/v1/inbox" ? page([item(1)]) : agree.promise));
  await settle();
  const done = inbox.markRead(["n1"]);
  assert.equal(inbox.getSnapshot().counters.unread, 0);
  assert.equal(inbox.getSnapshot().items[0]?.status, "READ");
  agree.resolve({ cursor: cursorAt(2), counters: { unread: 5, unseen: 0, by_type: {}, more: false, cursor: cursorAt(2) } });
  await done;
  assert.equal(requests[1], 'POST /v1/inbox/read?user=alice {"ids":["n1"]}');
  assert.equal(inbox.getSnapshot().items[0]?.status, "READ");
  assert.equal(inbox.getSnapshot().counters.unread, 5, "the answer's counters are exact");
});

test("markRead is taken back when the server refuses it", async (t) => {
  const { inbox } = open(t, (path) => (path === "/v1/inbox" ? page([item(1)]) : problem()));
  await settle();
  const done = inbox.markRead(["n1"]);
  assert.equal(inbox.getSnapshot().counters.unread, 0);
  await assert.rejects(done, (error) => error instanceof TidingsError && error.status === 403 && error.code === "forbidden");
  assert.equal(inbox.getSnapshot().counters.unread, 1);
  assert.equal(inbox.getSnapshot().items[0]?.status, "UNREAD");
});

test("a pending action is not undone by events about other items", async (t) => {
  const refuse = deferred();
  const { inbox, connection } = open(t, (path) => (path === "/v1/inbox" ? page([item(2), item(1)]) : refuse.promise));
  await settle();
  const done = inbox.archive(["n1"]);
  await connection.send(logEvent(3, "notification.created", item(3)));
  assert.deepEqual(ids(inbox), ["n3", "n2"]);
  refuse.resolve(problem());
  await assert.rejects(done);
  assert.deepEqual(ids(inbox), ["n3", "n2", "n1"]);
});

test("a late response does not undo events received since", async (t) => {
  const answers = [deferred(), deferred()];
  const left = [...answers];
  const pages = [page([item(1)]), page([item(1)], { cursor: cursorAt(5) })];
  const { inbox, connection } = open(t, (path, body) => {
    if (path === "/v1/inbox") return { ...pages.shift(), mutes: [] };
    return body ? left.shift()?.promise : { mutes: [] };
  });
  await settle();
  const counters = (/** @type {number} */ unread, /** @type {number} */ seq) => ({ unread, unseen: 0, by_type: unread ? { like: 1 } : {}, more: false, cursor: cursorAt(seq) });
  const read = inbox.markRead(["n1"]);
  await connection.send(
    logEvent(2, "inbox.read", { ids: ["n1"], counters: counters(0, 2) }),
    logEvent(3, "inbox.unread", { ids: ["n1"], counters: counters(1, 3) }),
  );
  answers[0]?.resolve({ cursor: cursorAt(2), counters: counters(0, 2) });
  await read;
  assert.deepEqual([inbox.getSnapshot().items[0]?.status, inbox.getSnapshot().counters.unread], ["UNREAD", 1]);

  const muted = inbox.mute("type:like");
  await settle();
  await connection.send(logEvent(4, "preferences.updated", { mutes: ["type:like"] }), logEvent(5, "preferences.updated", { mutes: [] }));
  answers[1]?.resolve({ mutes: ["type:like"], cursor: cursorAt(4) });
  await muted;
  assert.deepEqual(inbox.getSnapshot().mutes, []);
});

test("a page with only muted items is not the end, and leaves no gap", async (t) => {
  const pages = [page([], { next: "p9", unread: 1, cursor: cursorAt(20) }), page([item(3)], { cursor: cursorAt(20) }), page([item(8), item(3)], { cursor: cursorAt(20) })];
  const { inbox, connection } = open(t, () => pages.shift());
  await settle();
  await connection.send(logEvent(21, "notification.created", item(21)));
  assert.deepEqual(ids(inbox), ["n21"]);
  await inbox.loadMore("unread");
  assert.deepEqual([ids(inbox), inbox.getSnapshot().unread.map(({ id }) => id)], [["n21"], ["n21", "n3"]]);
  await inbox.loadMore();
  assert.deepEqual([ids(inbox), inbox.getSnapshot().more.all], [["n21", "n8", "n3"], false]);
});

test("an item that moves up after the click is not marked", async (t) => {
  const agree = deferred();
  const { inbox, connection } = open(t, (path) => (path === "/v1/inbox" ? page([item(1)]) : agree.promise));
  await settle();
  const done = inbox.markRead(["n1"]);
  await connection.send(logEvent(2, "notification.updated", { ...item(1), cursor: cursorAt(2) }));
  agree.resolve({});
  await done;
  assert.equal(inbox.getSnapshot().items[0]?.status, "UNREAD");
});

test("markAllRead covers what was on the screen, and later arrivals stay unread", async (t) => {
  const { inbox, connection, requests } = open(t, (path) => (path === "/v1/inbox" ? page([item(1)], { cursor: cursorAt(4) }) : {}));
  await settle();
  const { cursor } = inbox.getSnapshot();
  await connection.send(logEvent(5, "notification.created", item(5)));
  await inbox.markAllRead(cursor);
  assert.equal(requests[1], `POST /v1/inbox/read?user=alice {"up_to":"${cursorAt(4)}"}`);
  assert.deepEqual(inbox.getSnapshot().unread.map(({ id }) => id), ["n5"]);
});

test("markSeen makes a request only when something is unseen", async (t) => {
  const { inbox, requests } = open(t, (path) => (path === "/v1/inbox" ? page([item(1)]) : {}));
  await settle();
  await inbox.markSeen();
  await inbox.markSeen();
  assert.deepEqual(requests.slice(1), [`POST /v1/inbox/seen?user=alice {"up_to":"${cursorAt(1)}"}`]);
});

test("archive, unarchive and unread", async (t) => {
  const { inbox, requests } = open(t, (path) => (path === "/v1/inbox" ? page([item(1)]) : {}));
  await settle();
  await inbox.archive(["n1"]);
  assert.deepEqual([ids(inbox), inbox.getSnapshot().counters.unread], [[], 0]);
  await inbox.unarchive(["n1"]);
  await inbox.markRead(["n1"]);
  await inbox.unread(["n1"]);
  assert.deepEqual([ids(inbox), inbox.getSnapshot().counters.unread], [["n1"], 1]);
  assert.deepEqual(requests.slice(1).map((line) => line.split("?")[0]), [
    "POST /v1/inbox/archive",
    "POST /v1/inbox/unarchive",
    "POST /v1/inbox/read",
    "POST /v1/inbox/unread",
  ]);
});

/** The mutes of a server that adds and removes them one by one. @param {string[]} mutes */
const muting = (...mutes) => (/** @type {string} */ path, /** @type {any} */ _, /** @type {string} */ method) => {
  if (path === "/v1/inbox") return { ...page([item(1)]), mutes };
  const mute = decodeURIComponent(path.slice("/v1/preferences/mutes/".length));
  mutes = mutes.filter((other) => other !== mute).concat(method === "PUT" ? mute : []);
  return { mutes, cursor: cursorAt(1 + mutes.length) };
};

test("mute and unmute add and remove, and keep what another device does at the same time", async (t) => {
  const answer = muting("entity:post/9");
  const [phone, laptop] = [open(t, answer), open(t, answer)];
  await settle();
  await Promise.all([phone.inbox.mute("type:like"), laptop.inbox.mute("type:comment"), phone.inbox.unmute("entity:post/9")]);
  const page = answer("/v1/inbox", null, "GET");
  assert.deepEqual(page.mutes, ["type:like", "type:comment"]);
  assert.deepEqual(phone.requests.slice(1), [
    "PUT /v1/preferences/mutes/type%3Alike?user=alice",
    "DELETE /v1/preferences/mutes/entity%3Apost%2F9?user=alice",
  ]);
});

test("several mutes at once show at once, and the refused one is taken back", async (t) => {
  const { inbox } = open(t, (path) =>
    path === "/v1/inbox"
      ? { ...page([item(2, { type: "note" }), item(1)]), mutes: [] }
      : path.includes("like") ? { mutes: ["type:like"] } : problem(),
  );
  await settle();
  const done = inbox.mute("type:like", "type:note");
  assert.deepEqual(ids(inbox), []);
  await assert.rejects(done, { code: "forbidden" });
  assert.deepEqual([ids(inbox), inbox.getSnapshot().mutes], [["n2"], ["type:like"]]);
});

test("an item that a change has unmuted is loaded, soon and once", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const back = item(1, { type: "note" });
  const pages = [{ ...page([item(2)]), mutes: ["type:like"] }, { ...page([item(2), back], { cursor: cursorAt(4) }), mutes: [] }];
  const { inbox, connection, requests } = open(t, () => pages.shift());
  await settle();
  assert.deepEqual(inbox.getSnapshot().mutes, ["type:like"]);
  await connection.send(logEvent(3, "notification.updated", back), logEvent(4, "notification.updated", back));
  assert.equal(requests.length, 1, "a change reaches many inboxes at once: not all of them ask in the same moment");
  t.mock.timers.tick(1000);
  await settle();
  assert.deepEqual([ids(inbox), requests.length], [["n2", "n1"], 2]);
});

test("older pages are appended, for the whole list and for the unread one", async (t) => {
  const pages = [
    page([item(9), item(8, { status: "READ", read_time: "t" })], { next: "p2", unread: 4 }),
    page([item(9), item(3)], { next: "p4" }),
    page([item(7, { status: "READ", read_time: "t" }), item(3)]),
  ];
  const { inbox, requests } = open(t, () => pages.shift());
  await settle();
  assert.deepEqual(inbox.getSnapshot().more, { all: true, unread: true, archived: true });
  await inbox.loadMore("unread");
  assert.deepEqual(inbox.getSnapshot().unread.map(({ id }) => id), ["n9", "n3"]);
  assert.deepEqual(ids(inbox), ["n9", "n8"], "n3 is held, but what lies above it is not: no hole is shown");
  await inbox.loadMore();
  assert.deepEqual(ids(inbox), ["n9", "n8", "n7", "n3"]);
  assert.deepEqual(inbox.getSnapshot().more, { all: false, unread: false, archived: true });
  assert.deepEqual(requests.slice(1), [
    "GET /v1/inbox?limit=20&status=unread&user=alice",
    "GET /v1/inbox?limit=20&after=p2&user=alice",
  ]);
});

const archived = (/** @type {any} */ inbox) => inbox.getSnapshot().archived.map((/** @type {any} */ { id }) => id);

test("archived notifications are a list of their own, which knows what is archived later", async (t) => {
  const pages = [page([item(9), item(8)], { next: "p2", unread: 3 }), page([item(3, { status: "ARCHIVED" })])];
  const { inbox, connection, requests } = open(t, () => pages.shift());
  await settle();
  assert.deepEqual(archived(inbox), []);
  await inbox.loadMore("archived");
  assert.equal(requests[1], "GET /v1/inbox?limit=20&status=archived&user=alice");
  assert.deepEqual([archived(inbox), inbox.getSnapshot().more.archived], [["n3"], false]);
  await connection.send(logEvent(10, "inbox.archived", { ids: ["n8"] }));
  assert.deepEqual([archived(inbox), ids(inbox)], [["n8", "n3"], ["n9"]]);
  await connection.send(logEvent(11, "inbox.unarchived", { ids: ["n3"] }));
  assert.deepEqual([archived(inbox), ids(inbox)], [["n8"], ["n9"]], "n3 lies below the end of the list");
});

for (const data of [{ ids: ["n2"] }, { up_to: cursorAt(5) }]) {
  test(`the archived list is loaded again when ${Object.keys(data)} archived what is not held`, async (t) => {
    const second = deferred();
    const pages = [page([item(9)], { next: "p2" }), second.promise, page([item(3), item(2)].map((one) => ({ ...one, status: "ARCHIVED" })))];
    const { inbox, connection } = open(t, () => pages.shift());
    await settle();
    const done = inbox.loadMore("archived");
    await connection.send(logEvent(10, "inbox.archived", data));
    second.resolve(page([item(3, { status: "ARCHIVED" })]));
    await done;
    assert.deepEqual([archived(inbox), inbox.getSnapshot().more.archived], [[], true], "the page lacks n2");
    await inbox.loadMore("archived");
    assert.deepEqual(archived(inbox), ["n3", "n2"]);
  });
}

test("a page and a stream that cross end in the same state", async (t) => {
  const second = deferred();
  const pages = [page([item(5)], { next: "p2", unread: 3 }), second.promise];
  const { inbox, connection } = open(t, () => pages.shift());
  await settle();
  const done = inbox.loadMore();
  await connection.send(logEvent(6, "inbox.read", { ids: ["n3"] }), logEvent(7, "notification.deleted", { id: "n2" }));
  second.resolve(page([item(3), item(2)], { cursor: cursorAt(5) }));
  await done;
  assert.deepEqual(inbox.getSnapshot().items.map(({ id, status }) => `${id} ${status}`), ["n5 UNREAD", "n3 READ"]);
});

test("an item that a page has before the stream delivers it is left to the stream", async (t) => {
  const pages = [page([item(5)], { next: "p2", unread: 1 }), page([item(8, { id: "n2" }), item(1)], { cursor: cursorAt(9) })];
  const { inbox, connection } = open(t, () => pages.shift());
  await settle();
  await inbox.loadMore();
  assert.deepEqual(ids(inbox), ["n5", "n1"]);
  await connection.send(logEvent(8, "notification.updated", item(8, { id: "n2" })));
  assert.deepEqual(ids(inbox), ["n2", "n5", "n1"]);
});

test("a page that fails leaves the list as it was, and can be requested again", async (t) => {
  const pages = [page([item(5)], { next: "p2" }), problem(), page([item(1)])];
  const { inbox } = open(t, () => pages.shift());
  await settle();
  await assert.rejects(inbox.loadMore());
  assert.deepEqual([ids(inbox), inbox.getSnapshot().busy], [["n5"], false]);
  await inbox.loadMore();
  assert.deepEqual(ids(inbox), ["n5", "n1"]);
});

test("an older page that arrives after a reload leaves no gap", async (t) => {
  const older = deferred();
  const pages = [
    page([item(5)], { next: "p5", unread: 2 }),
    older.promise,
    page([item(9), item(8)], { next: "p8", unread: 4 }),
  ];
  const { inbox } = open(t, () => pages.shift());
  await settle();
  const done = inbox.loadMore();
  await inbox.reload();
  older.resolve(page([item(1)]));
  await done;
  assert.deepEqual([ids(inbox), inbox.getSnapshot().more.all], [["n9", "n8"], true]);
});

test("mute and unmute while a page is loading hide nothing for good", async (t) => {
  const second = deferred();
  const pages = [page([item(2), item(1)]), second.promise, page([item(2), item(1)], { cursor: cursorAt(4) })];
  const { inbox, connection } = open(t, () => pages.shift());
  await settle();
  await connection.send(logEvent(3, "preferences.updated", { mutes: ["type:like"] }));
  await connection.send(logEvent(4, "preferences.updated", { mutes: [] }));
  second.resolve(page([], { cursor: cursorAt(3) }));
  t.mock.timers.enable({ apis: ["setTimeout"] });
  await settle();
  t.mock.timers.tick(0);
  await settle();
  assert.deepEqual(ids(inbox), ["n2", "n1"]);
});

test("a reset reloads the inbox, and events received meanwhile are not lost", async (t) => {
  const second = deferred();
  const pages = [page([item(5)]), second.promise];
  const { inbox, connection, connects } = open(t, () => pages.shift());
  await settle();
  await connection.send({ id: "f-0", type: "reset", data: { reason: "unknown_epoch", cursor: "f-0" } });
  const three = item(3, { cursor: "f-3" });
  await connection.send({ id: "f-3", type: "notification.created", data: three });
  second.resolve(page([item(2, { cursor: "f-2" })], { cursor: "f-2" }));
  await settle();
  assert.deepEqual(ids(inbox), ["n3", "n2"]);
  assert.equal(inbox.getSnapshot().counters.unread, 2);
  assert.equal(connects.length, 1, "the stream went on by itself");
});

test("inexact counters are fetched, once", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const exact = { unread: 6, unseen: 6, by_type: { like: 6 }, more: false, cursor: cursorAt(11) };
  const { inbox, connection, requests } = open(t, (path) =>
    path === "/v1/inbox/counters" ? exact : page([item(5)], { next: "p2", unread: 8 }),
  );
  await settle();
  await connection.send(logEvent(10, "notification.deleted", { id: "n1" }), logEvent(11, "notification.deleted", { id: "n2" }));
  assert.equal(inbox.getSnapshot().counters.unread, 8);
  t.mock.timers.tick(1000);
  await settle();
  assert.equal(inbox.getSnapshot().counters.unread, 6);
  assert.equal(requests.length, 2);
});

test("an item disappears at its expire_time", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let now = Date.parse("2026-01-01T00:00:00Z");
  const { inbox } = open(t, () => page([item(2, { expire_time: "2026-01-01T00:00:05Z" }), item(1)]), { now: () => now });
  await settle();
  assert.deepEqual(ids(inbox), ["n2", "n1"]);
  now += 5000;
  t.mock.timers.tick(5000);
  assert.deepEqual([ids(inbox), inbox.getSnapshot().counters.unread], [["n1"], 1]);
});

test("a first page that fails is reported, and retried", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const pages = [problem(), page([item(1)])];
  const { inbox } = open(t, () => pages.shift());
  await settle();
  assert.equal(inbox.getSnapshot().phase, "failed");
  assert.match(String(inbox.getSnapshot().error), /no/);
  t.mock.timers.tick(1000);
  await settle();
  assert.deepEqual([inbox.getSnapshot().phase, inbox.getSnapshot().error], ["ready", null]);
});

test("the state of the connection is in the snapshot, and reload opens a closed one", async (t) => {
  const { inbox, connection, connects } = open(t, () => page([item(1)]));
  await settle();
  connection.setStatus("reconnecting");
  assert.equal(inbox.getSnapshot().connection, "reconnecting");
  connection.setStatus("closed");
  await settle();
  await inbox.reload();
  assert.equal(connects.length, 2);
});

test("a token goes into the header, never the address, and a refused one is replaced", async (t) => {
  const tokens = ["old", "new"];
  /** @type {string[]} */
  const heads = [];
  const inbox = openStore({
    url: "https://t.example",
    user: "alice",
    getToken: async () => tokens.shift() ?? "",
    connect: () => new ScriptedConnection(),
    env: environment(async (url, init) => {
      heads.push(`${new URL(url).search} ${init.headers.authorization}`);
      return heads.length === 1 ? new Response("", { status: 401 }) : Response.json(page([item(1)]));
    }),
  });
  t.after(inbox.close);
  await settle();
  await settle();
  assert.equal(inbox.getSnapshot().phase, "ready");
  assert.deepEqual(heads, ["?limit=20 Bearer old", "?limit=20 Bearer new"]);
});

test("a page that is refused for now is requested again after its Retry-After", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const busy = new Response(null, { status: 503, headers: { "retry-after": "20" } });
  const pages = [busy, page([item(1)])];
  const { inbox } = open(t, () => pages.shift());
  await settle();
  t.mock.timers.tick(19_999);
  await settle();
  assert.equal(inbox.getSnapshot().phase, "failed");
  t.mock.timers.tick(1_001);
  await settle();
  assert.equal(inbox.getSnapshot().phase, "ready");
});

/** An inbox over a server whose cookie names the user. @param {TestContext} t @param {Partial<StoreOptions>} [options] */
function openByCookie(t, options) {
  const server = new FakeServer();
  server.user = "alice";
  server.publish();
  /** @type {string[]} */
  const marks = [];
  const inbox = openInbox({
    url: "https://t.example",
    env: environment(async (url, init) => {
      const { pathname } = new URL(url);
      const own = { ...item(1), title: `for ${server.user}` };
      if (pathname === "/v1/inbox") server.overrides[pathname] = [() => Response.json(page([own], { cursor: "e-1" }))];
      if (pathname === "/v1/inbox/read") server.overrides[pathname] = [() => (marks.push(`${server.user}`), Response.json({}))];
      return server.fetch(url, init);
    }),
    ...options,
  });
  t.after(inbox.close);
  const titles = () => inbox.getSnapshot().items.map(({ title }) => title);
  return { server, inbox, marks, titles };
}

test("an act on the list of a user who has logged out marks nothing of the next one's, whose list it then is", async (t) => {
  const { server, inbox, marks, titles } = openByCookie(t);
  for (let turn = 0; turn < 10; turn++) await settle();
  assert.deepEqual([inbox.getSnapshot().connection, titles()], ["open", ["for alice"]]);
  server.user = "bob";
  const marking = inbox.markAllRead();
  await assert.rejects(marking, { code: "user_changed", status: 409 });
  assert.deepEqual([marks, titles()], [[], []], "alice's is gone at once");
  for (let turn = 0; turn < 20; turn++) await settle();
  assert.deepEqual([inbox.getSnapshot().connection, titles()], ["open", ["for bob"]]);
  await inbox.markAllRead();
  assert.deepEqual([marks, server.streams.size], [["bob"], 1]);
});

test("a stream that comes back for another user empties the list, and loads theirs", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { server, inbox, titles } = openByCookie(t);
  for (let turn = 0; turn < 10; turn++) await settle();
  server.user = "bob";
  server.hangUp();
  for (let turn = 0; turn < 20; turn++) {
    t.mock.timers.tick(500);
    await settle();
  }
  assert.deepEqual([inbox.getSnapshot().connection, titles()], ["open", ["for bob"]]);
});

test("an inbox that was opened for one user never shows another's", async (t) => {
  const { server, inbox, titles } = openByCookie(t, { user: "alice" });
  for (let turn = 0; turn < 10; turn++) await settle();
  assert.deepEqual(titles(), ["for alice"]);
  server.user = "bob";
  await assert.rejects(inbox.markRead(["n1"]), { code: "user_changed" });
  await inbox.reload();
  for (let turn = 0; turn < 10; turn++) await settle();
  const { phase, error, connection } = inbox.getSnapshot();
  assert.deepEqual([phase, error?.code, connection, titles(), server.streams.size], ["failed", "user_changed", "closed", [], 0]);
});

test("the stream shares the inbox's token", async (t) => {
  let tokens = 0;
  const server = new FakeServer();
  const inbox = openInbox({
    url: "https://t.example",
    getToken: () => `t${++tokens}`,
    env: environment(async (url, init) =>
      new URL(url).pathname === "/v1/inbox" ? Response.json(page([item(1)], { cursor: "e-0" })) : server.fetch(url, init),
    ),
  });
  t.after(inbox.close);
  for (let turn = 0; turn < 10; turn++) await settle();
  assert.equal(inbox.getSnapshot().connection, "open");
  await inbox.markRead(["n1"]).catch(() => {});
  assert.deepEqual([tokens, server.received.length > 1], [1, true]);
  assert.deepEqual(new Set(server.received.map(({ headers }) => headers.get("authorization"))), new Set(["Bearer t1"]));
});

test("an inbox that was closed while it loads does not try again", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { inbox, requests } = open(t, () => problem());
  inbox.close();
  for (let time = 0; time < 5; time++) {
    await new Promise((resolve) => setImmediate(resolve));
    t.mock.timers.tick(60_000);
  }
  assert.equal(requests.length, 1);
});

test("a closed inbox calls no subscriber", async (t) => {
  const { inbox, connection } = open(t, () => page([item(1)]));
  await settle();
  inbox.subscribe(() => assert.fail("it spoke"));
  inbox.close();
  await connection.send(logEvent(2, "notification.created", item(2)));
  assert.equal(connection.status, "closed");
});
