import assert from "node:assert/strict";
import { test } from "node:test";

import { called, phrase } from "../src/bell/card.js";
import { openWords } from "../src/bell/words.js";
import { item } from "../fakes/notifications.js";

/** @import { Actor } from "../src/inbox/model.js" */

const words = openWords("en", {});
const [ADA, BEN, CHLOE] = ["Ada", "Ben", "Chloe"].map((name) => ({ id: name.toLowerCase(), name }));

/**
 * What a card says of a group: its title and what stands below.
 *
 * @param {any[]} actors newest first
 * @param {{count: number, total?: number, title?: string}} more
 */
function said(actors, { title = `${actors[0]?.name} liked your post`, ...numbers }) {
  const group = { key: "k", actors, ...numbers };
  const { who, what, by, times } = phrase(item(1, { title, actor: actors[0], group }), words);
  return [who + what, by, times].filter(Boolean).join(" · ");
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
  test(`people, not events, are counted: ${sentence}`, () => assert.equal(said(actors, numbers), expected));
}

for (const [sentence, actors, numbers, expected] of /** @type {[string, Actor[], any, string][]} */ ([
  ["as many as are named", [CHLOE, BEN, ADA], { count: 3 }, "Chloe, Ben, and Ada liked your post"],
  ["fewer than would be named are all there are", [ADA], { count: 5 }, "Ada liked your post · 5 times"],
  ["more, and nobody knows how many", [CHLOE, BEN, ADA], { count: 7 }, "Chloe, Ben, and others liked your post"],
])) {
  test(`a group that does not tell its total: ${sentence}`, () => assert.equal(said(actors, numbers), expected));
}

test("a name that a longer word begins with is not that name", () => {
  const [ann, bo] = [{ id: "ann", name: "Ann" }, { id: "bo", name: "Bo" }];
  assert.equal(said([ann, bo], { count: 3, total: 2, title: "Annual report is ready" }), "Annual report is ready · Ann and Bo · 3 times");
  assert.equal(said([bo], { count: 1, total: 1, title: "Bobby tables came" }), "Bobby tables came");
  assert.equal(said([bo], { count: 1, total: 1, title: "Bo's post" }), "Bo's post");
  assert.equal(said([ann, bo], { count: 2, total: 2, title: "Ann, at last" }), "Ann and Bo, at last");
});

test("whoever has no name that can be read is called by the id, or not at all", () => {
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
    assert.equal(called(actor), expected);
    assert.equal(phrase(item(1, { title: "Hello", actor }), words).what, "Hello");
  }
  assert.equal(said([{ id: 42 }, { id: "u1", name: null }], { count: 2, total: 2, title: "42 liked it" }), "42 and u1 liked it");
});
