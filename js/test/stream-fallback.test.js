/** The transport fallback alone: the outcome of an attempt decides which transport is next. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { TransportFallback } from "../src/transport-fallback.js";

const MINUTE = 60_000;
const UNOPENED = { opened: false, stable: false };
const EARLY = { opened: true, stable: false };
const STABLE = { opened: true, stable: true };

const create = () => new TransportFallback(["sse", "long-poll", "short-poll"]);

test("a transport that does not pass is followed by the next, the last by the first after a delay", () => {
  const fallback = create();
  assert.equal(fallback.ended("blocked", UNOPENED, 0), true);
  assert.equal(fallback.transport, "long-poll");
  assert.equal(fallback.ended("timeout", UNOPENED, 0), true);
  assert.equal(fallback.transport, "short-poll");
  assert.equal(fallback.ended("blocked", UNOPENED, 0), false);
  assert.equal(fallback.transport, "sse");
  assert.equal(fallback.probeAt, Infinity);
});

test("a failure that is not about the transport keeps the transport", () => {
  const fallback = create();
  for (const kind of /** @type {const} */ (["network", "busy", "refused", "goaway", "expiring", "invalid_cursor"])) {
    for (let time = 0; time < 10; time++) assert.equal(fallback.ended(kind, UNOPENED, 0), false);
    if (kind !== "network") for (let time = 0; time < 10; time++) assert.equal(fallback.ended(kind, EARLY, 0), false);
  }
  assert.equal(fallback.transport, "sse");
});

test("three early ends in a row, or two timeouts, change the transport", () => {
  for (const kind of /** @type {const} */ (["ended", "network"])) {
    const fallback = create();
    assert.deepEqual([1, 2, 3].map(() => fallback.ended(kind, EARLY, 0)), [false, false, true]);
  }
  const fallback = create();
  assert.deepEqual([1, 2].map(() => fallback.ended("timeout", EARLY, 0)), [false, true]);
});

test("a stable attempt resets the count of early ends", () => {
  const fallback = create();
  for (let round = 0; round < 5; round++) {
    for (const outcome of [EARLY, EARLY, STABLE]) assert.equal(fallback.ended("ended", outcome, 0), false);
  }
});

test("the next transport starts with no early ends", () => {
  const fallback = create();
  for (const now of [1, 2, 3]) fallback.ended("ended", EARLY, now);
  assert.deepEqual([1, 2, 3].map(() => fallback.ended("ended", EARLY, 0)), [false, false, true]);
});

test("the preferred transport is probed after a minute, then two, up to an hour; a stable attempt on it resets that", () => {
  const fallback = create();
  fallback.ended("blocked", UNOPENED, 0);
  const delays = [fallback.probeAt];
  for (let time = 1; time < 9; time++) {
    fallback.scheduleProbe(0);
    delays.push(fallback.probeAt);
  }
  assert.deepEqual(delays.map((delay) => delay / MINUTE), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
  fallback.returnToPreferred();
  assert.deepEqual([fallback.transport, fallback.probeAt], ["sse", Infinity]);
  fallback.ended("blocked", UNOPENED, 0);
  assert.equal(fallback.probeAt, 60 * MINUTE, "the return was useless");
  fallback.returnToPreferred();
  fallback.ended("preferred", STABLE, 0); // the outcome of the polls until then
  fallback.ended("blocked", UNOPENED, 0);
  assert.equal(fallback.probeAt, 60 * MINUTE, "returning proves nothing");
  fallback.returnToPreferred();
  fallback.ended("ended", STABLE, 0);
  fallback.ended("blocked", UNOPENED, 0);
  assert.equal(fallback.probeAt, MINUTE);
});
