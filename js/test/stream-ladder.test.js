/** The ladder alone: what happened decides what is next. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Ladder } from "../src/ladder.js";

const MINUTE = 60_000;
const mute = { greeted: false, lived: false };
const early = { greeted: true, lived: false };
const good = { greeted: true, lived: true };

const ladder = () => new Ladder(["sse", "long-poll", "short-poll"]);

test("down by one where a way does not pass, and from the last back to the first, without haste", () => {
  const one = ladder();
  assert.equal(one.fell("blocked", mute, 0), true);
  assert.equal(one.transport, "long-poll");
  assert.equal(one.fell("silent", mute, 0), true);
  assert.equal(one.transport, "short-poll");
  assert.equal(one.fell("blocked", mute, 0), false);
  assert.equal(one.transport, "sse");
  assert.equal(one.climbAt, Infinity);
});

test("what says nothing about the way changes nothing", () => {
  const one = ladder();
  for (const kind of /** @type {const} */ (["network", "busy", "refused", "goaway", "expiring", "cursor"])) {
    for (let time = 0; time < 10; time++) assert.equal(one.fell(kind, mute, 0), false);
    if (kind !== "network") for (let time = 0; time < 10; time++) assert.equal(one.fell(kind, early, 0), false);
  }
  assert.equal(one.transport, "sse");
});

test("three early deaths in a row, or two that were silent, are enough", () => {
  for (const kind of /** @type {const} */ (["ended", "network"])) {
    const one = ladder();
    assert.deepEqual([1, 2, 3].map(() => one.fell(kind, early, 0)), [false, false, true]);
  }
  const one = ladder();
  assert.deepEqual([1, 2].map(() => one.fell("silent", early, 0)), [false, true]);
});

test("one good life between them makes the count begin again", () => {
  const one = ladder();
  for (let round = 0; round < 5; round++) {
    for (const how of [early, early, good]) assert.equal(one.fell("ended", how, 0), false);
  }
});

test("the next way begins with a clean record", () => {
  const one = ladder();
  for (const death of [1, 2, 3]) one.fell("ended", early, death);
  assert.deepEqual([1, 2, 3].map(() => one.fell("ended", early, 0)), [false, false, true]);
});

test("the way back is tried after a minute, then two, up to an hour; a good life up there resets that", () => {
  const one = ladder();
  one.fell("blocked", mute, 0);
  const waits = [one.climbAt];
  for (let time = 1; time < 9; time++) {
    one.stay(0);
    waits.push(one.climbAt);
  }
  assert.deepEqual(waits.map((wait) => wait / MINUTE), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
  one.climb();
  assert.deepEqual([one.transport, one.climbAt], ["sse", Infinity]);
  one.fell("blocked", mute, 0);
  assert.equal(one.climbAt, 60 * MINUTE, "it was of no use");
  one.climb();
  one.fell("climb", good, 0); // how the polls went up to then
  one.fell("blocked", mute, 0);
  assert.equal(one.climbAt, 60 * MINUTE, "to climb is no proof");
  one.climb();
  one.fell("ended", good, 0);
  one.fell("blocked", mute, 0);
  assert.equal(one.climbAt, MINUTE);
});
