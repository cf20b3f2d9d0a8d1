/** text/event-stream by the WHATWG's rules: every example is one sentence of the standard. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { createParser } from "eventsource-parser";

import { EventStreamParser } from "../src/event-stream-parser.js";

/** @param {Uint8Array[]} chunks */
function read(...chunks) {
  /** @type {import("../src/event-stream-parser.js").Block[]} */
  const blocks = [];
  /** @type {number[]} */
  const retries = [];
  let lastEventId = "";
  const stream = new EventStreamParser(
    (block) => {
      blocks.push(block);
      lastEventId = block.id ?? lastEventId;
    },
    (milliseconds) => retries.push(milliseconds),
    (id) => (lastEventId = id),
  );
  for (const chunk of chunks) stream.feed(chunk);
  return { blocks, retries, lastEventId };
}

const bytes = (/** @type {string} */ text) => new TextEncoder().encode(text);

/** @param {string} text @param {[type: string, data: string, id?: string][]} expected */
function reads(text, expected) {
  const wanted = expected.map(([type, data, id]) => ({ type, data, id }));
  assert.deepEqual(read(bytes(text)).blocks, wanted);
  assert.deepEqual(read(...[...bytes(text)].map((byte) => Uint8Array.of(byte))).blocks, wanted, "byte by byte");
}

/** @type {[sentence: string, text: string, expected: [string, string, string?][]][]} */
const EXAMPLES = [
  ["lines may end in LF", "data: a\n\n", [["message", "a"]]],
  ["lines may end in CR", "data: a\r\rdata: b\r\r", [["message", "a"], ["message", "b"]]],
  ["lines may end in CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", [["message", "a"], ["message", "b"]]],
  ["line ends may be mixed", "event: x\rdata: a\r\n\ndata: b\n\r\n", [["x", "a"], ["message", "b"]]],
  ["CRLF is one end, not two", "data: a\r\ndata: b\r\n\r\n", [["message", "a\nb"]]],
  ["LF CR is two ends", "data: a\n\rdata: b\n\r", [["message", "a"], ["message", "b"]]],
  ["no other character ends a line", "data: a\u2028b\u0085c\u000bd\u000ce\n\n", [["message", "a\u2028b\u0085c\u000bd\u000ce"]]],
  ["one byte order mark is dropped", "\ufeffdata: a\n\n", [["message", "a"]]],
  ["a second byte order mark belongs to the field's name", "\ufeff\ufeffdata: a\n\ndata: b\n\n", [["message", "b"]]],
  ["data lines are joined by LF", "data: a\ndata:\ndata: b\n\n", [["message", "a\n\nb"]]],
  ["one space after the colon is dropped", "data:a\n\ndata: a\n\ndata:  a\n\n", [["message", "a"], ["message", "a"], ["message", " a"]]],
  ["only a space, not a tab", "data:\ta\n\n", [["message", "\ta"]]],
  ["the first colon counts", "data: a:b: c\n\n", [["message", "a:b: c"]]],
  ["a field without a colon has an empty value", "data\n\n", [["message", ""]]],
  ["empty data is data", "data:\n\n", [["message", ""]]],
  ["a block without data is not dispatched, its type forgotten", "event: x\n\ndata: a\n\n", [["message", "a"]]],
  ["the last type counts", "event: x\nevent: y\ndata: a\n\n", [["y", "a"]]],
  ["an empty type is message", "event: x\nevent:\ndata: a\n\n", [["message", "a"]]],
  ["comments and unknown fields are ignored", ": hi\nfoo: bar\n data: no\nDATA: no\ndata: a\n:\n\n", [["message", "a"]]],
  ["an id belongs to its block", "id: 1\ndata: a\n\ndata: b\n\n", [["message", "a", "1"], ["message", "b"]]],
  ["an id with NUL is ignored", "id: 1\nid: 2\0\ndata: a\n\n", [["message", "a", "1"]]],
  ["what is not ended by an empty line is not dispatched", "data: a\n\ndata: b\n", [["message", "a"]]],
];

for (const [sentence, text, expected] of EXAMPLES) test(sentence, () => reads(text, expected));

test("the last id is kept over blocks without one, moves without data, and can be emptied", () => {
  assert.equal(read(bytes("id: 1\ndata: a\n\ndata: b\n\n")).lastEventId, "1");
  assert.equal(read(bytes("id: 1\ndata: a\n\nid: 2\n\n")).lastEventId, "2");
  assert.equal(read(bytes("id: 1\ndata: a\n\nid: 2\n")).lastEventId, "1");
  assert.equal(read(bytes("id: 1\ndata: a\n\nid\ndata: b\n\n")).lastEventId, "");
});

test("retry takes digits only", () => {
  const text = "retry: 10\nretry: 1.5\nretry: -1\nretry:\nretry: 2s\nretry:  3\nretry: ٣\nretry:0020\n";
  assert.deepEqual(read(bytes(text)).retries, [10, 20]);
});

test("bytes that are not UTF-8 become U+FFFD, also at a cut", () => {
  const { blocks } = read(bytes("data: "), Uint8Array.of(0xe2), Uint8Array.of(0x82), bytes("x\n\n"));
  assert.equal(blocks[0]?.data, "\ufffdx");
});

/** A generator that is the same every time (mulberry32). @param {number} seed */
function dice(seed) {
  return (/** @type {number} */ sides) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % sides;
  };
}

const PIECES = ["data", "event", "id", "retry", ":", ": ", " ", "\n", "\n\n", "\r", "\r\n", "a", "7", "é", "😀", "\u2028", "data: x\n", "\ufeff"];

test("law: it does not matter where the stream is cut", () => {
  for (let seed = 1; seed <= 500; seed++) {
    const roll = dice(seed);
    const text = Array.from({ length: roll(60) }, () => PIECES[roll(PIECES.length)]).join("") + "\n\n";
    const whole = bytes(text);
    const chunks = [];
    for (let at = 0; at < whole.length; ) chunks.push(whole.slice(at, (at += 1 + roll(9))));
    assert.deepEqual(read(...chunks), read(whole), `seed ${seed}: ${JSON.stringify(text)}`);
  }
});

test("law: another parser reads the same", () => {
  for (let seed = 1; seed <= 500; seed++) {
    const roll = dice(seed);
    const text = Array.from({ length: roll(60) }, () => PIECES[roll(PIECES.length)]).join("") + "\n\n";
    /** @type {[string, string][]} */
    const theirs = [];
    const parser = createParser({ onEvent: ({ event, data }) => theirs.push([event || "message", data]) });
    parser.feed(new TextDecoder().decode(bytes(text))); // the decoder takes the byte order mark
    const ours = read(bytes(text)).blocks.map(({ type, data }) => [type, data]);
    assert.deepEqual(ours, theirs, `seed ${seed}: ${JSON.stringify(text)}`);
  }
});
