/** The entry points where there is no DOM: a server that renders. */

import assert from "node:assert/strict";
import { test } from "node:test";

for (const name of ["define", "element", "inbox", "stream"]) {
  test(`${name}.js can be imported without a DOM`, async () => {
    assert.ok(await import(`../src/${name}.js`));
    assert.ok(await import(`../dist/${name}.js`));
  });
}
