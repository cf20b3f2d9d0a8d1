import assert from "node:assert/strict";
import { test } from "node:test";

import { actorName, cardText } from "../src/bell/card.js";
import { createOverlayStrings } from "../src/bell/overlay-strings.js";
import { item } from "../fakes/notifications.js";

/** @import { Actor } from "../src/inbox/model.js" */

const strings = createOverlayStrings("en", () => ({}));
const [ADA, BEN, CHLOE] = ["Ada", "Ben", "Chloe"].map((name) => ({ id: name.toLowerCase(), name }));

const joined = (/** @type {{value: string}[]} */ parts) => parts.map(({ value }) => value).join("");

/**
 * The text of the card of a group: its title and the line below.
 *
 * @param {any[]} actors newest first
 * @param {{count: number, total?: number, title?: string}} more
 */
function groupText(actors, { title = `${actors[0]?.name} liked your post`, ...numbers }) {
  const group = { key: "k", actors, ...numbers };
  const { names, text, by, times } = cardText(item(1, { title, actor: actors[0], group }), strings);
  return [joined(names) + text, joined(by), times].filter(Boolean).join(" · ");
}

for (const [sentence, actors, numbers, expected] of /** @type {[string, Actor[], any, string][]} */ ([
  ["one", [ADA], { count: 1, total: 1 }, "Ada liked your post"],
  ["two", [BEN, ADA], { count: 2, total: 2 }, "Ben and Ada liked your post"],
  ["three", [CHLOE, BEN, ADA], { count: 3, total: 3 }, "Chloe, Ben, and Ada liked your post"],
  ["four", [CHLOE, BEN, ADA], { count: 4, total: 4 }, "Chloe, Ben, and 2 others liked your post"],
  ["three, one of them twice", [CHLOE, BEN, ADA], { count: 4, total: 3 }, "Chloe, Ben, and Ada liked your post · 4 times"],
  ["four, nine times", [CHLOE, BEN, ADA], { count: 9, total: 4 }, "Chloe, Ben, and 2 others liked your post · 9 times"],
  ["one, five times", [ADA], { count: 5, total: 1 }, "Ada liked your post · 5 times"],
  ["four, and no name in the title", [CHLOE, BEN, ADA], { count: 4, total: 4, title: "New likes" }, "New likes · Chloe, Ben, and 2 others"],
  ["one of two has no name", [ADA, {}], { count: 2, total: 2 }, "Ada and 1 other liked your post"],
  ["nobody has a name", [{}, {}], { count: 2, total: 2, title: "New likes" }, "New likes"],
  ["nobody did it", [], { count: 3, total: 0, title: "Disk is full" }, "Disk is full · 3 times"],
])) {
  test(`actors, not events, are counted: ${sentence}`, () => assert.equal(groupText(actors, numbers), expected));
}

for (const [sentence, actors, numbers, expected] of /** @type {[string, Actor[], any, string][]} */ ([
  ["as many as are named", [CHLOE, BEN, ADA], { count: 3 }, "Chloe, Ben, and Ada liked your post"],
  ["fewer than the server would send are all there are", [ADA], { count: 5 }, "Ada liked your post · 5 times"],
  ["more, of unknown number", [CHLOE, BEN, ADA], { count: 7 }, "Chloe, Ben, and others liked your post"],
])) {
  test(`a group without a total: ${sentence}`, () => assert.equal(groupText(actors, numbers), expected));
}

test("a name is not matched as the beginning of a longer word", () => {
  const [ann, bo] = [{ id: "ann", name: "Ann" }, { id: "bo", name: "Bo" }];
  assert.equal(groupText([ann, bo], { count: 3, total: 2, title: "Annual report is ready" }), "Annual report is ready · Ann and Bo · 3 times");
  assert.equal(groupText([bo], { count: 1, total: 1, title: "Bobby tables came" }), "Bobby tables came");
  assert.equal(groupText([bo], { count: 1, total: 1, title: "Bo's post" }), "Bo's post");
  assert.equal(groupText([ann, bo], { count: 2, total: 2, title: "Ann, at last" }), "Ann and Bo, at last");
});

test("an actor without a readable name is called by the id, or not at all", () => {
  /** @type {[any, string][]} */
  const odd = [
    [{ id: 42 }, "42"],
    [{ id: "u1", name: null }, "u1"],
    [{ id: "u1", name: "" }, "u1"],
    [{ name: 5 }, "5"],
    [{ id: "u1", name: { first: "Ada" } }, "u1"],
    [{ name: { toString: 5 } }, ""],
    [{}, ""],
  ];
  for (const [actor, expected] of odd) {
    assert.equal(actorName(actor), expected);
    assert.equal(cardText(item(1, { title: "Hello", actor }), strings).text, "Hello");
  }
  assert.equal(groupText([{ id: 42 }, { id: "u1", name: null }], { count: 2, total: 2, title: "42 liked it" }), "42 and u1 liked it");
});

test("a duration is never called by a calendar day, and no time is no text", () => {
  const now = Date.parse("2026-01-10T12:00:00Z");
  const ago = (/** @type {number} */ hours) => strings.ago(new Date(now - hours * 3_600_000).toISOString(), now);
  assert.deepEqual([0, 1, 25, 47.5, 7 * 24].map(ago), ["now", "1 hr. ago", "1 day ago", "1 day ago", "1 wk. ago"]);
  assert.equal(strings.ago("soon", now), "");
});

test("each name of a group is a part of its own, to be isolated from the direction of the others", () => {
  const [ada, arabic] = [{ id: "ada", name: "Ada" }, { id: "x", name: "\u202Eليلى" }];
  const group = { key: "k", actors: [arabic, ada], count: 2, total: 2 };
  const { names } = cardText(item(1, { title: `${arabic.name} liked it`, actor: arabic, group }), strings);
  assert.deepEqual(names.map(({ type, value }) => [type, value]), [["element", arabic.name], ["literal", " and "], ["element", "Ada"]]);
});
