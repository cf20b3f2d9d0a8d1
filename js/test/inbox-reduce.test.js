import assert from "node:assert/strict";
import { test } from "node:test";

import { expire, reduce } from "../src/inbox/reduce.js";
import { fromPage, listed } from "../src/inbox/pages.js";
import { complete } from "../src/inbox/count.js";
import { at, item, page, told } from "../fakes/inbox.js";

/** @import { InboxEvent, State } from "../src/inbox/model.js" */

const NOW = "2026-01-01T00:00:00.000Z";

/**
 * @param {State} state
 * @param {...InboxEvent} events
 */
const after = (state, ...events) => events.reduce((now, event) => reduce(now, event, NOW), state);
/** @param {State} state */
const ids = (state) => listed(state, "all").map(({ id }) => id);
/**
 * @param {State} state
 * @param {string} id
 */
const find = (state, id) => state.items.find((one) => one.id === id);

test("a created notification comes to the top and counts", () => {
  const before = fromPage(page([item(1)]));
  const state = after(before, told(2, "notification.created", { ...item(2, { type: "comment" }), ring: true }));
  assert.deepEqual(ids(state), ["n2", "n1"]);
  assert.deepEqual(state.counters, { unread: 2, unseen: 2, by_type: { like: 1, comment: 1 }, more: false, cursor: at(2) });
  assert.equal(state.cursor, at(2));
  assert.ok(find(state, "n2") && !("ring" in (find(state, "n2") ?? {})), "ringing is of the moment, not of the item");
});

test("an event that is in the picture already changes nothing", () => {
  const state = fromPage(page([item(5), item(3)]));
  assert.equal(after(state, told(5, "notification.created", item(5))), state);
  assert.equal(after(state, told(4, "notification.deleted", { id: "n3" })), state);
});

test("an event of an unknown type moves the cursor and nothing else", () => {
  const state = fromPage(page([item(1)]));
  assert.deepEqual(after(state, told(2, "tea.served", {})), {
    ...state,
    cursor: at(2),
    counters: { ...state.counters, cursor: at(2) },
  });
});

test("events that take no place change nothing", () => {
  const state = fromPage(page([item(1)]));
  for (const type of ["goaway", "expiring", "error"]) assert.equal(after(state, { id: "", type, data: {} }), state);
});

test("a change of content keeps the place and what I have read", () => {
  const read = item(1, { status: "READ", read_time: NOW, seen_time: NOW });
  const before = fromPage(page([item(2), read]));
  const { status: _s, read_time: _r, seen_time: _t, ...content } = item(1, { title: "edited", progress: 0.5 });
  const state = after(before, told(3, "notification.updated", { ...content, ring: false }));
  assert.deepEqual(ids(state), ["n2", "n1"]);
  assert.deepEqual(find(state, "n1"), { ...read, title: "edited", progress: 0.5 });
  assert.equal(state.counters.unread, 1);
});

test("a merge moves to the top and is unread and unseen again", () => {
  const read = item(1, { status: "READ", read_time: NOW, seen_time: NOW });
  const before = fromPage(page([item(2), read]));
  const grown = { ...item(1), cursor: at(3), group: { key: "k", count: 2, actors: [] }, ring: false };
  const state = after(before, told(3, "notification.updated", grown));
  assert.deepEqual(ids(state), ["n1", "n2"]);
  assert.equal(find(state, "n1")?.status, "UNREAD");
  assert.equal(state.counters.unread, 2);
  assert.equal(state.counters.unseen, 2);
});

test("a merge into an item that is unread already does not count twice", () => {
  const state = after(fromPage(page([item(2), item(1)])), told(3, "notification.updated", { ...item(1), cursor: at(3) }));
  assert.equal(state.counters.unread, 2);
});

test("a moved item that is not held: counted if all unread ones are held, else the counters are not sure", () => {
  const moved = told(9, "notification.updated", { ...item(1), cursor: at(9) });
  const all = after(fromPage(page([item(5)])), moved);
  assert.deepEqual([all.counters.unread, all.sure], [2, true]);
  const some = fromPage(page([item(5)], { next: "n", unread: 7 }));
  assert.equal(complete(some), false);
  assert.equal(after(some, moved).sure, false);
});

test("content of an item that is not held is passed over, and nothing is unsure", () => {
  const before = fromPage(page([item(5)], { next: "n", unread: 7 }));
  const state = after(before, told(9, "notification.updated", item(1)));
  assert.deepEqual([ids(state), state.sure, state.counters.unread], [["n5"], true, 7]);
});

test("a retracted notification is gone and counts no more", () => {
  const state = after(fromPage(page([item(2), item(1)])), told(3, "notification.deleted", { id: "n2", reason: "retracted" }));
  assert.deepEqual(ids(state), ["n1"]);
  assert.equal(state.counters.unread, 1);
});

test("the counters of an event replace mine, and are not counted on twice", () => {
  const counters = { unread: 40, unseen: 3, by_type: { like: 40 }, more: false, cursor: at(8) };
  const state = after(fromPage(page([item(1)])), told(4, "inbox.read", { ids: ["n1"], counters }));
  assert.equal(state.counters, counters);
  const later = after(state, told(7, "notification.created", item(7)), told(9, "notification.created", item(9)));
  assert.equal(later.counters.unread, 41, "7 is in the forty already");
});

test("counters older than mine are not taken", () => {
  const counters = { unread: 40, unseen: 3, by_type: {}, more: false, cursor: at(1) };
  const state = after(fromPage(page([item(5)])), told(6, "inbox.seen", { ids: ["n5"], counters }));
  assert.equal(state.counters.unread, 1);
});

test("hello: its counters count where the stream starts at them, else mine go on", () => {
  const state = fromPage(page([item(5)]));
  const counters = { unread: 9, unseen: 9, by_type: {}, more: false, cursor: at(8) };
  const hello = (/** @type {number} */ from) => ({ id: at(from), type: "hello", data: { cursor: at(from), counters } });
  assert.equal(after(state, hello(8)).counters, counters);
  assert.equal(after(state, hello(5)), state);
  const unsure = { ...state, sure: false };
  assert.deepEqual([after(unsure, hello(5)).counters, after(unsure, hello(5)).sure], [counters, true]);
});

test("read up to a watermark: placed at or before it, and only forward", () => {
  const before = fromPage(page([item(3), item(2), item(1)]));
  const state = after(before, told(4, "inbox.read", { up_to: at(2) }));
  assert.deepEqual(state.items.map(({ status }) => status), ["UNREAD", "READ", "READ"]);
  assert.equal(find(state, "n2")?.read_time, NOW);
  assert.equal(find(state, "n2")?.seen_time, NOW, "who reads has seen");
  assert.deepEqual([state.counters.unread, state.counters.unseen], [1, 1]);
  const again = after(state, told(5, "inbox.unread", { ids: ["n1"] }), told(6, "inbox.read", { up_to: at(2) }));
  assert.equal(find(again, "n1")?.status, "UNREAD", "the same watermark twice is nothing; an exception to it stays");
  const passed = after(again, told(7, "inbox.read", { up_to: at(6) }));
  assert.equal(find(passed, "n1")?.status, "READ", "a later watermark voids the exception");
  assert.equal(passed.counters.unread, 0);
});

test("a watermark below which nothing is held still gives the exact count", () => {
  const before = fromPage(page([item(9), item(8), item(7)], { next: "more", unread: 1000, capped: true }));
  const state = after(before, told(10, "inbox.read", { up_to: at(8) }));
  assert.deepEqual([state.counters.unread, state.counters.unseen, state.counters.more], [1, 1, false]);
});

test("a capped count that goes down by an unknown amount is not sure", () => {
  const before = fromPage(page([item(9)], { next: "more", unread: 1000, capped: true }));
  assert.equal(after(before, told(10, "notification.created", item(10))).sure, true);
  assert.equal(after(before, told(10, "notification.deleted", { id: "n9" })).sure, false);
});

for (const [verb, undo, seen] of [
  ["read", "unread", 1],
  ["seen", "unseen", 2],
  ["archived", "unarchived", 1],
]) {
  test(`inbox.${verb} by ids, and back by inbox.${undo}`, () => {
    const before = fromPage(page([item(2), item(1)]));
    const done = after(before, told(3, `inbox.${verb}`, { ids: ["n1"] }));
    assert.deepEqual([done.counters.unread, done.counters.unseen], [verb === "seen" ? 2 : 1, 1]);
    assert.equal(listed(done, "all").length, verb === "archived" ? 1 : 2);
    const back = after(done, told(4, `inbox.${undo}`, { ids: ["n1"] }));
    assert.deepEqual([back.counters.unread, back.counters.unseen], [2, seen], "what was seen stays seen");
    assert.deepEqual(ids(back), ["n2", "n1"]);
  });
}

test("an item that grows after it was archived is back", () => {
  const before = after(fromPage(page([item(1)])), told(2, "inbox.archived", { ids: ["n1"] }));
  const state = after(before, told(3, "notification.updated", { ...item(1), cursor: at(3) }));
  assert.deepEqual([ids(state), state.counters.unread], [["n1"], 1]);
});

test("what was there before its reader came is neither unread nor unseen", () => {
  const old = item(1, { topic: "all", status: "READ" });
  const before = fromPage(page([item(2), old], { unread: 1 }));
  assert.equal(complete(before), true);
  const state = after(before, told(3, "inbox.unread", { ids: ["n1"] }));
  assert.deepEqual([state.counters.unread, state.counters.unseen], [2, 1]);
});

test("reading what was there before its reader came changes nothing", () => {
  const old = item(1, { topic: "all", status: "READ" });
  const state = after(fromPage(page([old])), told(2, "inbox.read", { ids: ["n1"] }));
  assert.equal(find(state, "n1")?.read_time, null);
});

test("items that come back but are not held must be loaded", () => {
  const before = fromPage(page([item(9)], { next: "more", unread: 3 }));
  assert.equal(after(before, told(10, "inbox.unarchived", { ids: ["n4"] })).reload, "unarchived");
  const paged = { ...before, edges: { ...before.edges, unread: { next: null, floor: -1 } } };
  assert.equal(after(paged, told(10, "inbox.unread", { ids: ["n4"] })).edges.unread.next, undefined);
});

test("unfollowing a topic drops what it brought", () => {
  const counters = { unread: 1, unseen: 1, by_type: { like: 1 }, more: false, cursor: at(3) };
  const before = fromPage(page([item(2, { topic: "author/42" }), item(1, { topic: "author/4" })]));
  const state = after(before, told(3, "follow.deleted", { topic: "author/42", counters }));
  assert.deepEqual([ids(state), state.counters], [["n1"], counters]);
});

for (const mute of ["type:like", "topic:author/42", "entity:post/9"]) {
  test(`muting ${mute} hides what it names, but nothing critical`, () => {
    const named = { type: "like", topic: "author/42", entity: "post/9" };
    const other = { type: "x", topic: "author/4", entity: "post/91" };
    const critical = item(2, { ...named, priority: "critical" });
    const before = { ...fromPage(page([item(3, named), critical, item(1, other)])), mutes: [] };
    const state = after(before, told(4, "preferences.updated", { mutes: [mute] }));
    assert.deepEqual([ids(state), state.counters.unread, state.reload], [["n2", "n1"], 2, null]);
    const later = after(state, told(5, "notification.created", item(5, named)));
    assert.deepEqual(ids(later), ["n2", "n1"]);
    assert.equal(after(state, told(6, "preferences.updated", { mutes: [] })).reload, "unmuted");
  });
}

/** Two of three items on the first page, and a mute that its server told. */
const muting = (/** @type {string[]} */ mutes, /** @type {Parameters<typeof page>[1]} */ more = {}) =>
  fromPage({ ...page([item(9, { type: "note" }), item(8, { type: "note" })], more), mutes });
/** A change of content, as it is sent on a topic that several people share: nothing personal in it. */
const changed = (/** @type {number} */ seq, /** @type {any} */ { status: _s, read_time: _r, seen_time: _t, ...content }) =>
  told(seq, "notification.updated", { ...content, ring: false });

test("the first page tells what is muted; one that does not leaves it unknown", () => {
  assert.deepEqual(muting(["type:like"]).mutes, ["type:like"]);
  assert.equal(fromPage(page([item(1)])).mutes, null);
});

test("an item that a change takes behind a mute is gone and counts no more", () => {
  const state = after(muting(["type:like"]), changed(10, item(8, { type: "like" })));
  assert.deepEqual([ids(state), state.counters.unread, state.sure, state.reload], [["n9"], 1, true, null]);
});

test("a muted change of an item that is not held is passed over; it may have been counted", () => {
  const merge = told(10, "notification.updated", { ...item(1), cursor: at(10) });
  for (const event of [changed(10, item(1)), merge]) {
    const whole = after(muting(["type:like"]), event);
    assert.deepEqual([ids(whole), whole.counters.unread, whole.sure, whole.reload], [["n9", "n8"], 2, true, null]);
    const part = after(muting(["type:like"], { next: "p8", unread: 7 }), event);
    assert.deepEqual([ids(part), part.sure, part.reload], [["n9", "n8"], false, null]);
  }
});

test("a change in place of an item that is not held may have brought it from behind a mute", () => {
  const here = after(muting(["type:like"]), changed(10, item(5, { type: "note" })));
  assert.equal(here.reload, "changed", "the list reaches so far down: it has to be loaded");
  const below = after(muting(["type:like"], { next: "p8", unread: 7 }), changed(10, item(5, { type: "note" })));
  assert.deepEqual([below.reload, below.sure], [null, false], "the list does not; it may be counted now");
});

test("a change in place of an item that is not held changes nothing where no mute can have hidden it", () => {
  const event = changed(10, item(5, { type: "note" }));
  for (const mutes of [[], null]) {
    const state = after({ ...muting([]), mutes }, event);
    assert.deepEqual([ids(state), state.sure, state.reload], [["n9", "n8"], true, null]);
  }
  const archived = told(10, "notification.updated", item(5, { type: "note", status: "ARCHIVED" }));
  assert.equal(after(muting(["type:like"]), archived).reload, null, "what is archived is not on show anyway");
});

test("when it is not known what was muted, a change of it may bring something back", () => {
  const state = after(fromPage(page([item(1)])), told(2, "preferences.updated", { mutes: [] }));
  assert.deepEqual([state.reload, state.mutes], ["unmuted", []]);
});

test("reset asks for the inbox anew, and goes on from the place it names", () => {
  const before = fromPage(page([item(9)]));
  const state = after(before, { id: "e2-4", type: "reset", data: { reason: "unknown_epoch", cursor: "e2-4" } });
  assert.deepEqual([state.reload, state.cursor], ["unknown_epoch", "e2-4"]);
});

test("what is over is taken off the counters once, also if the server counts it meanwhile", () => {
  const soon = "2026-01-01T00:00:01Z";
  let state = expire(fromPage(page([item(2, { expire_time: soon }), item(1)])), soon);
  assert.equal(state.counters.unread, 1);
  const counters = { unread: 2, unseen: 0, by_type: { like: 2 }, more: false, cursor: at(3) };
  state = expire(after(state, told(3, "inbox.seen", { up_to: at(2), counters })), soon);
  assert.deepEqual([state.counters.unread, ids(state), complete(state)], [2, ["n1"], true]);
  state = after(state, told(4, "notification.deleted", { id: "n2", reason: "expired" }));
  assert.deepEqual([state.counters.unread, ids(state), state.sure], [1, ["n1"], true]);
});

test("what has run out is over before the server says so, and is not counted out twice", () => {
  const before = fromPage(page([item(2, { expire_time: "2026-01-01T00:00:10Z" }), item(1)]));
  assert.equal(expire(before, "2026-01-01T00:00:09Z"), before);
  const over = expire(before, "2026-01-01T00:00:10Z");
  assert.deepEqual([ids(over), over.counters.unread], [["n1"], 1]);
  const gone = after(over, told(3, "notification.deleted", { id: "n2", reason: "expired" }));
  assert.deepEqual([gone.counters.unread, gone.sure], [1, true]);
});

test("an expiry that was put off brings the item back", () => {
  const over = expire(fromPage(page([item(1, { expire_time: NOW })])), NOW);
  const later = { ...item(1), expire_time: "2027-01-01T00:00:00Z" };
  const state = after(over, told(2, "notification.updated", later));
  assert.deepEqual([ids(expire(state, NOW)), state.counters.unread], [["n1"], 1]);
});

test("what stayed the same is the same object", () => {
  const before = fromPage(page([item(2), item(1)]));
  const state = after(before, told(3, "inbox.read", { ids: ["n2"] }));
  assert.equal(find(state, "n1"), find(before, "n1"));
  assert.notEqual(find(state, "n2"), find(before, "n2"));
});
