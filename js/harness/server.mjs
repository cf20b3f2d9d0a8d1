/**
 * A page to look at the bell with, and just enough of a server behind it: one inbox per user, in memory.
 *
 *     node js/harness/server.mjs [port]       then open http://127.0.0.1:<port>/
 *
 * `POST /harness/say?user=alice` with a notification's content publishes it; `merge=<id>`, `update=<id>` and
 * `delete=<id>` do those; `drop` ends all streams. Everything is served under `default-src 'self'`.
 */

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const POLICY = "default-src 'self'";
const log = []; // {seq, user, type, data}
const people = new Map(); // user -> {items: Map, mutes, streams: Set}
let refusing = false;

const at = (seq) => `h-${seq}`;
const seqOf = (cursor) => Number(String(cursor).split("-")[1] ?? 0);
const time = (ms = Date.now()) => new Date(ms).toISOString();

function person(user) {
  if (!people.has(user)) people.set(user, { items: new Map(), mutes: [], streams: new Set() });
  return people.get(user);
}

function counters(user) {
  const { items, mutes } = person(user);
  const mine = [...items.values()].filter((item) => item.status !== "ARCHIVED" && !isMuted(item, mutes));
  const unread = mine.filter((item) => item.status === "UNREAD");
  const by_type = {};
  for (const { type } of unread) by_type[type] = (by_type[type] ?? 0) + 1;
  const unseen = mine.filter((item) => !item.seen_time).length;
  return { unread: unread.length, unseen, by_type, more: false, cursor: at(log.length) };
}

const isMuted = (item, mutes) => mutes.includes(`type:${item.type}`) || mutes.includes(`entity:${item.entity}`);

function append(user, type, make) {
  const seq = log.length + 1;
  const event = { seq, user, type };
  log.push(event);
  event.data = make(at(seq));
  for (const stream of person(user).streams) frame(stream, event);
  return event;
}

const frame = (stream, { seq, type, data }) =>
  stream.write(`id: ${at(seq)}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`);

function say(user, content, query) {
  const { items } = person(user);
  const old = items.get(query.get("merge") ?? query.get("update") ?? query.get("delete"));
  if (query.has("delete")) {
    return append(user, "notification.deleted", () => items.delete(old.id) && { id: old.id, reason: "retracted" });
  }
  if (query.has("update")) {
    Object.assign(old, content, { update_time: time() });
    const { status: _s, read_time: _r, seen_time: _t, ...shared } = old;
    return append(user, "notification.updated", () => ({ ...shared, ring: false }));
  }
  const fresh = { status: "UNREAD", read_time: null, seen_time: null, update_time: time(), ...content };
  const type = old ? "notification.updated" : "notification.created";
  return append(user, type, (cursor) => {
    const id = old?.id ?? `n-${cursor}`;
    const item = { create_time: time(), topic: `user/${user}`, priority: "normal", ...old, ...fresh, id, cursor };
    items.set(id, item);
    return { ...item, ring: true };
  });
}

const DONE = {
  read: (item) => item.status === "UNREAD" && Object.assign(item, { status: "READ", read_time: time(), seen_time: time() }),
  unread: (item) => item.status === "READ" && Object.assign(item, { status: "UNREAD", read_time: null }),
  seen: (item) => !item.seen_time && Object.assign(item, { seen_time: time() }),
  archive: (item) => item.status !== "ARCHIVED" && Object.assign(item, { status: "ARCHIVED", seen_time: time() }),
  unarchive: (item) =>
    item.status === "ARCHIVED" && Object.assign(item, { status: item.read_time ? "READ" : "UNREAD" }),
};

function mark(user, verb, { ids = [], up_to = "h-0" }) {
  for (const item of person(user).items.values()) {
    if (ids.includes(item.id) || seqOf(item.cursor) <= seqOf(up_to)) DONE[verb](item);
  }
  const type = `inbox.${verb}${verb.endsWith("archive") ? "d" : ""}`;
  const what = ids.length ? { ids } : { up_to };
  const { data } = append(user, type, () => ({ ...what, counters: counters(user) }));
  return { cursor: data.counters.cursor, counters: data.counters };
}

function page(user, query) {
  const { items, mutes } = person(user);
  const limit = Number(query.get("limit") ?? 20);
  const before = query.has("after") ? Number(query.get("after")) : Infinity;
  const found = [...items.values()]
    .filter((item) => item.status !== "ARCHIVED" && !isMuted(item, mutes))
    .filter((item) => query.get("status") !== "unread" || item.status === "UNREAD")
    .filter((item) => seqOf(item.cursor) < before)
    .sort((a, b) => seqOf(b.cursor) - seqOf(a.cursor));
  const data = found.slice(0, limit);
  const next = found.length > limit ? String(seqOf(data.at(-1).cursor)) : null;
  return { data, next, cursor: at(log.length), counters: counters(user) };
}

function stream(user, query, response) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const after = query.has("cursor") ? seqOf(query.get("cursor")) : log.length;
  const hello = { cursor: at(after), counters: counters(user), heartbeat: 25, connection: "s" };
  response.write(`retry: 1000\nid: ${at(after)}\nevent: hello\ndata: ${JSON.stringify(hello)}\n\n`);
  for (const event of log.slice(after)) if (event.user === user) frame(response, event);
  person(user).streams.add(response);
  response.on("close", () => person(user).streams.delete(response));
}

const json = (response, body, status = 200) => {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
};

async function read(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : {};
}

async function file(path, response) {
  const name = path === "/" ? "harness/page.html" : path.slice(1);
  const content = await readFile(new URL(`../${name}`, import.meta.url));
  const type = TYPES[extname(name)] ?? "application/octet-stream";
  response.writeHead(200, { "content-type": type, "content-security-policy": POLICY, "cache-control": "no-store" });
  response.end(content);
}

const server = createServer(async (request, response) => {
  const { pathname, searchParams: query } = new URL(request.url, "http://harness");
  const user = query.get("user") ?? "alice";
  try {
    const body = request.method === "GET" ? {} : await read(request);
    if (pathname === "/harness/say") return json(response, say(user, body, query));
    if (pathname === "/harness/refuse") return json(response, { refusing: (refusing = query.get("on") === "1") });
    if (pathname === "/harness/drop") {
      for (const { streams } of people.values()) for (const one of streams) one.destroy();
      return json(response, {});
    }
    if (pathname.startsWith("/v1/") && refusing) return json(response, { title: "not now", code: "unavailable" }, 503);
    if (pathname === "/v1/stream") return stream(user, query, response);
    if (pathname === "/v1/inbox") return json(response, page(user, query));
    if (pathname === "/v1/inbox/counters") return json(response, counters(user));
    if (pathname.startsWith("/v1/inbox/")) return json(response, mark(user, pathname.split("/")[3], body));
    if (pathname === "/v1/preferences") {
      const me = person(user);
      if (request.method === "PUT") {
        me.mutes = body.mutes;
        append(user, "preferences.updated", () => ({ mutes: me.mutes, counters: counters(user) }));
      }
      return json(response, { mutes: me.mutes });
    }
    await file(pathname, response);
  } catch (error) {
    json(response, { title: String(error) }, error?.code === "ENOENT" ? 404 : 500);
  }
});

server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}/`);
});
