import assert from "node:assert/strict";
import { test } from "node:test";

import { expire, reduce } from "../src/inbox/reduce.js";
import { fromPage, listed } from "../src/inbox/pages.js";
import { allHeld } from "../src/inbox/counters.js";
import { cursorAt, item, page, logEvent } from "../fakes/notifications.js";

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
  const state = after(before, logEvent(2, "notification.created", { ...item(2, { type: "comment" }), ring: true }));
  assert.deepEqual(ids(state), ["n2", "n1"]);
  assert.deepEqual(state.counters, { unread: 2, unseen: 2, by_type: { like: 1, comment: 1 }, more: false, cursor: cursorAt(2) });
  assert.equal(state.cursor, cursorAt(2));
  assert.ok(find(state, "n2") && !("ring" in (find(state, "n2") ?? {})), "ringing is of the moment, not of the item");
});

test("an event that was applied already changes nothing", () => {
  const state = fromPage(page([item(5), item(3)]));
  assert.equal(after(state, logEvent(5, "notification.created", item(5))), state);
  assert.equal(after(state, logEvent(4, "notification.deleted", { id: "n3" })), state);
});

test("an event of an unknown type moves the cursor and nothing else", () => {
  const state = fromPage(page([item(1)]));
  assert.deepEqual(after(state, logEvent(2, "tea.served", {})), {
    ...state,
    cursor: cursorAt(2),
    counters: { ...state.counters, cursor: cursorAt(2) },
  });
});

test("events without an id change nothing", () => {
  const state = fromPage(page([item(1)]));
  for (const type of ["goaway", "expiring", "error"]) assert.equal(after(state, { id: "", type, data: {} }), state);
});

test("a change of content keeps the position and the read state", () => {
  const read = item(1, { status: "READ", read_time: NOW, seen_time: NOW });
  const before = fromPage(page([item(2), read]));
  const { status: _s, read_time: _r, seen_time: _t, ...content } = item(1, { title: "edited", progress: 0.5 });
  const state = after(before, logEvent(3, "notification.updated", { ...content, ring: false }));
  assert.deepEqual(ids(state), ["n2", "n1"]);
  assert.deepEqual(find(state, "n1"), { ...read, title: "edited", progress: 0.5 });
  assert.equal(state.counters.unread, 1);
});

test("a merge moves to the top and is unread and unseen again", () => {
  const read = item(1, { status: "READ", read_time: NOW, seen_time: NOW });
  const before = fromPage(page([item(2), read]));
  const grown = { ...item(1), cursor: cursorAt(3), group: { key: "k", count: 2, actors: [] }, ring: false };
  const state = after(before, logEvent(3, "notification.updated", grown));
  assert.deepEqual(ids(state), ["n1", "n2"]);
  assert.equal(find(state, "n1")?.status, "UNREAD");
  assert.equal(state.counters.unread, 2);
  assert.equal(state.counters.unseen, 2);
});

test("a merge into an item that is unread already does not count twice", () => {
  const state = after(fromPage(page([item(2), item(1)])), logEvent(3, "notification.updated", { ...item(1), cursor: cursorAt(3) }));
  assert.equal(state.counters.unread, 2);
});

test("a moved item that is not held: counted if all unread ones are held, else the counters are not exact", () => {
  const moved = logEvent(9, "notification.updated", { ...item(1), cursor: cursorAt(9) });
  const all = after(fromPage(page([item(5)])), moved);
  assert.deepEqual([all.counters.unread, all.isExact], [2, true]);
  const some = fromPage(page([item(5)], { next: "n", unread: 7 }));
  assert.equal(allHeld(some), false);
  assert.equal(after(some, moved).isExact, false);
});

test("a change of content of an item that is not held is ignored, and the counters stay exact", () => {
  const before = fromPage(page([item(5)], { next: "n", unread: 7 }));
  const state = after(before, logEvent(9, "notification.updated", item(1)));
  assert.deepEqual([ids(state), state.isExact, state.counters.unread], [["n5"], true, 7]);
});

test("a retracted notification is removed and no longer counted", () => {
  const state = after(fromPage(page([item(2), item(1)])), logEvent(3, "notification.deleted", { id: "n2", reason: "retracted" }));
  assert.deepEqual(ids(state), ["n1"]);
  assert.equal(state.counters.unread, 1);
});

test("the counters of an event replace the state's, and are not adjusted twice", () => {
  const counters = { unread: 40, unseen: 3, by_type: { like: 40 }, more: false, cursor: cursorAt(8) };
  const state = after(fromPage(page([item(1)])), logEvent(4, "inbox.read", { ids: ["n1"], counters }));
  assert.equal(state.counters, counters);
  const deferred = after(state, logEvent(7, "notification.created", item(7)), logEvent(9, "notification.created", item(9)));
  assert.equal(deferred.counters.unread, 41, "7 is in the forty already");
});

test("counters older than the state's are ignored", () => {
  const counters = { unread: 40, unseen: 3, by_type: {}, more: false, cursor: cursorAt(1) };
  const state = after(fromPage(page([item(5)])), logEvent(6, "inbox.seen", { ids: ["n5"], counters }));
  assert.equal(state.counters.unread, 1);
});

test("the counters of a hello apply where the stream starts at them, else the state keeps its own", () => {
  const state = fromPage(page([item(5)]));
  const counters = { unread: 9, unseen: 9, by_type: {}, more: false, cursor: cursorAt(8) };
  const hello = (/** @type {number} */ from) => ({ id: cursorAt(from), type: "hello", data: { cursor: cursorAt(from), counters } });
  assert.equal(after(state, hello(8)).counters, counters);
  assert.equal(after(state, hello(5)), state);
  const inexact = { ...state, isExact: false };
  assert.deepEqual([after(inexact, hello(5)).counters, after(inexact, hello(5)).isExact], [counters, true]);
});

test("inbox.read up to a watermark marks items at or before it, and only moves forward", () => {
  const before = fromPage(page([item(3), item(2), item(1)]));
  const state = after(before, logEvent(4, "inbox.read", { up_to: cursorAt(2) }));
  assert.deepEqual(state.items.map(({ status }) => status), ["UNREAD", "READ", "READ"]);
  assert.equal(find(state, "n2")?.read_time, NOW);
  assert.equal(find(state, "n2")?.seen_time, NOW, "who reads has seen");
  assert.deepEqual([state.counters.unread, state.counters.unseen], [1, 1]);
  const again = after(state, logEvent(5, "inbox.unread", { ids: ["n1"] }), logEvent(6, "inbox.read", { up_to: cursorAt(2) }));
  assert.equal(find(again, "n1")?.status, "UNREAD", "the same watermark twice is nothing; an exception to it stays");
  const passed = after(again, logEvent(7, "inbox.read", { up_to: cursorAt(6) }));
  assert.equal(find(passed, "n1")?.status, "READ", "a later watermark voids the exception");
  assert.equal(passed.counters.unread, 0);
});

test("a watermark below which nothing is held still gives the exact count", () => {
  const before = fromPage(page([item(9), item(8), item(7)], { next: "more", unread: 1000, capped: true }));
  const state = after(before, logEvent(10, "inbox.read", { up_to: cursorAt(8) }));
  assert.deepEqual([state.counters.unread, state.counters.unseen, state.counters.more], [1, 1, false]);
});

test("a capped count that goes down by an unknown amount is not exact", () => {
  const before = fromPage(page([item(9)], { next: "more", unread: 1000, capped: true }));
  assert.equal(after(before, logEvent(10, "notification.created", item(10))).isExact, true);
  assert.equal(after(before, logEvent(10, "notification.deleted", { id: "n9" })).isExact, false);
});

for (const [verb, undo, seen] of [
  ["read", "unread", 1],
  ["seen", "unseen", 2],
  ["archived", "unarchived", 1],
]) {
  test(`inbox.${verb} by ids, and back by inbox.${undo}`, () => {
    const before = fromPage(page([item(2), item(1)]));
    const done = after(before, logEvent(3, `inbox.${verb}`, { ids: ["n1"] }));
    assert.deepEqual([done.counters.unread, done.counters.unseen], [verb === "seen" ? 2 : 1, 1]);
    assert.equal(listed(done, "all").length, verb === "archived" ? 1 : 2);
    const back = after(done, logEvent(4, `inbox.${undo}`, { ids: ["n1"] }));
    assert.deepEqual([back.counters.unread, back.counters.unseen], [2, seen], "what was seen stays seen");
    assert.deepEqual(ids(back), ["n2", "n1"]);
  });
}

test("an archived item whose group grows is listed again", () => {
  const before = after(fromPage(page([item(1)])), logEvent(2, "inbox.archived", { ids: ["n1"] }));
  const state = after(before, logEvent(3, "notification.updated", { ...item(1), cursor: cursorAt(3) }));
  assert.deepEqual([ids(state), state.counters.unread], [["n1"], 1]);
});

test("an item published before the user followed is neither unread nor unseen", () => {
  const old = item(1, { topic: "all", status: "READ" });
  const before = fromPage(page([item(2), old], { unread: 1 }));
  assert.equal(allHeld(before), true);
  const state = after(before, logEvent(3, "inbox.unread", { ids: ["n1"] }));
  assert.deepEqual([state.counters.unread, state.counters.unseen], [2, 1]);
});

test("marking an item published before the user followed changes nothing", () => {
  const old = item(1, { topic: "all", status: "READ" });
  const state = after(fromPage(page([old])), logEvent(2, "inbox.read", { ids: ["n1"] }));
  assert.equal(find(state, "n1")?.read_time, null);
});

test("items that come back but are not held must be loaded", () => {
  const before = fromPage(page([item(9)], { next: "more", unread: 3 }));
  assert.equal(after(before, logEvent(10, "inbox.unarchived", { ids: ["n4"] })).reload, "unarchived");
  const paged = { ...before, edges: { ...before.edges, unread: { next: null, lowestHeld: -1 } } };
  assert.equal(after(paged, logEvent(10, "inbox.unread", { ids: ["n4"] })).edges.unread.next, undefined);
});

test("unfollowing a topic removes its items", () => {
  const counters = { unread: 1, unseen: 1, by_type: { like: 1 }, more: false, cursor: cursorAt(3) };
  const before = fromPage(page([item(2, { topic: "author/42" }), item(1, { topic: "author/4" })]));
  const state = after(before, logEvent(3, "follow.deleted", { topic: "author/42", counters }));
  assert.deepEqual([ids(state), state.counters], [["n1"], counters]);
});

for (const mute of ["type:like", "topic:author/42", "entity:post/9"]) {
  test(`muting ${mute} hides matching items, but nothing critical`, () => {
    const named = { type: "like", topic: "author/42", entity: "post/9" };
    const other = { type: "x", topic: "author/4", entity: "post/91" };
    const critical = item(2, { ...named, priority: "critical" });
    const before = { ...fromPage(page([item(3, named), critical, item(1, other)])), mutes: [] };
    const state = after(before, logEvent(4, "preferences.updated", { mutes: [mute] }));
    assert.deepEqual([ids(state), state.counters.unread, state.reload], [["n2", "n1"], 2, null]);
    const deferred = after(state, logEvent(5, "notification.created", item(5, named)));
    assert.deepEqual(ids(deferred), ["n2", "n1"]);
    assert.equal(after(state, logEvent(6, "preferences.updated", { mutes: [] })).reload, "unmuted");
  });
}

/** Two of three items on the first page, and a mute that its server told. */
const muting = (/** @type {string[]} */ mutes, /** @type {Parameters<typeof page>[1]} */ more = {}) =>
  fromPage({ ...page([item(9, { type: "note" }), item(8, { type: "note" })], more), mutes });
/** A change of content, as it is sent on a topic that several people share: nothing personal in it. */
const changed = (/** @type {number} */ seq, /** @type {any} */ { status: _s, read_time: _r, seen_time: _t, ...content }) =>
  logEvent(seq, "notification.updated", { ...content, ring: false });

test("the first page says what is muted; one without mutes leaves it unknown", () => {
  assert.deepEqual(muting(["type:like"]).mutes, ["type:like"]);
  assert.equal(fromPage(page([item(1)])).mutes, null);
});

test("a field that a change in place has no more is gone, and the personal fields are not", () => {
  const before = fromPage(page([item(1, { title: "old", status: "READ", read_time: NOW, seen_time: NOW })]));
  const { id, cursor, topic, type, create_time } = item(1);
  const shared = logEvent(2, "notification.updated", { id, cursor, topic, type, create_time, body: "new", revision: 2 });
  const kept = find(after(before, shared), "n1");
  assert.deepEqual([kept?.title, kept?.body, kept?.status, kept?.read_time], [undefined, "new", "READ", NOW]);
  const own = logEvent(3, "notification.updated", { id, cursor, topic, type, create_time, status: "UNREAD", revision: 3 });
  const unread = find(after(before, shared, own), "n1");
  assert.deepEqual([unread?.body, unread?.status, unread?.read_time], [undefined, "UNREAD", undefined]);
});

test("an item that a change makes muted is removed and no longer counted", () => {
  const state = after(muting(["type:like"]), changed(10, item(8, { type: "like" })));
  assert.deepEqual([ids(state), state.counters.unread, state.isExact, state.reload], [["n9"], 1, true, null]);
});

test("a muted change of an item that is not held is ignored; it may have been counted", () => {
  const merge = logEvent(10, "notification.updated", { ...item(1), cursor: cursorAt(10) });
  for (const event of [changed(10, item(1)), merge]) {
    const whole = after(muting(["type:like"]), event);
    assert.deepEqual([ids(whole), whole.counters.unread, whole.isExact, whole.reload], [["n9", "n8"], 2, true, null]);
    const part = after(muting(["type:like"], { next: "p8", unread: 7 }), event);
    assert.deepEqual([ids(part), part.isExact, part.reload], [["n9", "n8"], false, null]);
  }
});

test("a change in place of an item that is not held may have unmuted it", () => {
  const here = after(muting(["type:like"]), changed(10, item(5, { type: "note" })));
  assert.equal(here.reload, "changed", "the list reaches so far down: it has to be loaded");
  const below = after(muting(["type:like"], { next: "p8", unread: 7 }), changed(10, item(5, { type: "note" })));
  assert.deepEqual([below.reload, below.isExact], [null, false], "the list does not; it may be counted now");
});

test("a change in place of an item that is not held changes nothing where no mute can have hidden it", () => {
  const event = changed(10, item(5, { type: "note" }));
  for (const mutes of [[], null]) {
    const state = after({ ...muting([]), mutes }, event);
    assert.deepEqual([ids(state), state.isExact, state.reload], [["n9", "n8"], true, null]);
  }
  const archived = logEvent(10, "notification.updated", item(5, { type: "note", status: "ARCHIVED" }));
  assert.equal(after(muting(["type:like"]), archived).reload, null, "what is archived is not on show anyway");
});

test("a change of unknown mutes reloads the inbox", () => {
  const state = after(fromPage(page([item(1)])), logEvent(2, "preferences.updated", { mutes: [] }));
  assert.deepEqual([state.reload, state.mutes], ["unmuted", []]);
});

test("a reset asks for a reload, and continues from its cursor", () => {
  const before = fromPage(page([item(9)]));
  const state = after(before, { id: "e2-4", type: "reset", data: { reason: "unknown_epoch", cursor: "e2-4" } });
  assert.deepEqual([state.reload, state.cursor], ["unknown_epoch", "e2-4"]);
});

test("an expired item is subtracted once, also if the server counts it meanwhile", () => {
  const soon = "2026-01-01T00:00:01Z";
  let state = expire(fromPage(page([item(2, { expire_time: soon }), item(1)])), soon);
  assert.equal(state.counters.unread, 1);
  const counters = { unread: 2, unseen: 0, by_type: { like: 2 }, more: false, cursor: cursorAt(3) };
  state = expire(after(state, logEvent(3, "inbox.seen", { up_to: cursorAt(2), counters })), soon);
  assert.deepEqual([state.counters.unread, ids(state), allHeld(state)], [2, ["n1"], true]);
  state = after(state, logEvent(4, "notification.deleted", { id: "n2", reason: "expired" }));
  assert.deepEqual([state.counters.unread, ids(state), state.isExact], [1, ["n1"], true]);
});

test("an expired item is removed before the server deletes it, and not subtracted twice", () => {
  const before = fromPage(page([item(2, { expire_time: "2026-01-01T00:00:10Z" }), item(1)]));
  assert.equal(expire(before, "2026-01-01T00:00:09Z"), before);
  const over = expire(before, "2026-01-01T00:00:10Z");
  assert.deepEqual([ids(over), over.counters.unread], [["n1"], 1]);
  const gone = after(over, logEvent(3, "notification.deleted", { id: "n2", reason: "expired" }));
  assert.deepEqual([gone.counters.unread, gone.isExact], [1, true]);
});

test("an expiry that is postponed lists the item again", () => {
  const over = expire(fromPage(page([item(1, { expire_time: NOW })])), NOW);
  const deferred = { ...item(1), expire_time: "2027-01-01T00:00:00Z" };
  const state = after(over, logEvent(2, "notification.updated", deferred));
  assert.deepEqual([ids(expire(state, NOW)), state.counters.unread], [["n1"], 1]);
});

test("unchanged items are the same object", () => {
  const before = fromPage(page([item(2), item(1)]));
  const state = after(before, logEvent(3, "inbox.read", { ids: ["n2"] }));
  assert.equal(find(state, "n1"), find(before, "n1"));
  assert.notEqual(find(state, "n2"), find(before, "n2"));
});

test("a type may be named like a property that every object has", () => {
  for (const type of ["constructor", "__proto__", "toString"]) {
    const { counters } = after(fromPage(page([])), logEvent(3, "notification.created", item(3, { type })));
    assert.deepEqual([Object.keys(counters.by_type), Object.values(counters.by_type)], [[type], [1]]);
    assert.deepEqual(reduce(fromPage(page([item(1)])), logEvent(2, type, {}), "").items, [item(1)]);
  }
});

test("an item that a wrong clock has expired is listed again when the clock is corrected", () => {
  const state = fromPage(page([item(1, { expire_time: "2026-01-01T00:05:00Z" })]));
  const fast = expire(state, "2026-01-01T00:10:00Z");
  assert.deepEqual([listed(fast, "all").length, fast.counters.unread], [0, 0]);
  const corrected = expire(fast, "2026-01-01T00:00:00Z");
  assert.deepEqual([listed(corrected, "all").length, corrected.counters.unread], [1, 1]);
});
