/** Names that the build may shorten: only our own, never a member of the language or of the browser. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { INTERNAL_PROPERTIES } from "../internal-properties.js";

const LIBRARIES = new URL("../node_modules/typescript/lib/", import.meta.url);
const MEMBER = /^\s+(?:readonly |get |set )?(\w+)\??[(:<]/gm;

/** Every member that TypeScript knows of in the language, in pages and in workers. */
function members() {
  const names = readdirSync(LIBRARIES).filter((name) => /^lib\.(es|dom|webworker).*\.d\.ts$/.test(name));
  const texts = names.map((name) => readFileSync(new URL(name, LIBRARIES), "utf8"));
  return new Set(texts.flatMap((text) => [...text.matchAll(MEMBER)].map(([, name]) => name)));
}

test("no property whose name the build shortens is a member of the language or of the browser", () => {
  const known = members();
  for (const name of ["floor", "restore", "pause"]) assert.ok(known.has(name), name);
  assert.deepEqual(INTERNAL_PROPERTIES.filter((name) => known.has(name)), []);
});
