/** The size of the client, as it is shipped: bytes over the wire, packed as the server packs them. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

const DIST = new URL("../dist/", import.meta.url);
const MOST = 15_000; // bytes of a live badge, stream and inbox included

const read = (/** @type {string} */ name) => readFileSync(new URL(name, DIST), "utf8");
const weigh = (/** @type {Iterable<string>} */ names) =>
  [...names].reduce((sum, name) => sum + gzipSync(read(name), { level: 9 }).length, 0);

/** The files that a browser fetches at once for a module: itself and its imports, theirs included. @param {string} name */
function loaded(name, all = new Set([name])) {
  for (const [, other = ""] of read(name).matchAll(/(?:\bfrom|\bimport)"\.\/([^"]+)"/g)) {
    if (!all.has(other)) loaded(other, all.add(other));
  }
  return all;
}

/** The files that a module fetches when they are needed. @param {string} name */
const onDemand = (name) => [...read(name).matchAll(/\bimport\("\.\/([^"]+)"\)/g)].map(([, other = ""]) => other);

/** All that a module and those it loads fetch when they are needed. @param {string} name @param {Set<string>} [found] */
function fetchedLater(name, found = new Set()) {
  for (const later of [...loaded(name)].flatMap(onDemand)) if (!found.has(later)) fetchedLater(later, found.add(later));
  return [...found];
}

test("a live badge, stream and inbox included, is at most 15 KB", (t) => {
  const badge = loaded("define.js");
  const weight = weigh(badge);
  t.diagnostic(`define.js: ${weight} bytes in ${badge.size} files`);
  assert.ok(weight <= MOST, `${weight} bytes: ${[...badge].map((name) => `${name} ${weigh([name])}`).join(", ")}`);

  for (const name of fetchedLater("define.js").concat("worker.js")) {
    const more = [...loaded(name)].filter((one) => !badge.has(one));
    t.diagnostic(`and with ${name.replace(/-\w+\./, ".")}: ${weigh(more)} more`);
  }
  for (const name of ["stream.js", "inbox.js"]) t.diagnostic(`${name} alone: ${weigh(loaded(name))} bytes`);
});

test("the list, the toasts, the tab's badges, the sound and WebSockets are fetched when they are needed", () => {
  const later = fetchedLater("define.js").map((name) => name.replace(/-\w+\./, "."));
  assert.deepEqual(later.sort(), ["chime.js", "overlay.js", "tab-badge.js", "ws.js"]);
});

test("every module that is fetched lies beside the one that asks for it, and nothing else is shipped", () => {
  const asked = ["stream.js", "inbox.js", "element.js", "define.js", "worker.js"].flatMap((name) => [...loaded(name)]);
  const later = asked.flatMap((name) => fetchedLater(name)).flatMap((name) => [...loaded(name)]);
  assert.deepEqual(new Set([...asked, ...later]), new Set(readdirSync(DIST)));
});

test("a style sheet is shipped as it was written, what is not ASCII included", () => {
  const [overlay = ""] = readdirSync(DIST).filter((name) => name.startsWith("overlay-"));
  const [, , sheet = ""] = /(['"`])(:host\{.*?)\1/.exec(read(overlay)) ?? [];
  assert.match(sheet, /content:"·"/);
  assert.ok(!sheet.includes("\\"), "a backslash of CSS would be read as one of JavaScript");
});

test("the worker is looked for beside the module that starts it", () => {
  const starts = [...loaded("stream.js")].filter((name) => read(name).includes('new URL("./worker.js",import.meta.url)'));
  assert.equal(starts.length, 1);
});
