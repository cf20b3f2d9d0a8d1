/** The examples of docs/bell.md, as they are pasted: whatever they use they import, and what fails is caught. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { build } from "esbuild";

const TEXT = readFileSync(new URL("../../docs/bell.md", import.meta.url), "utf8");

/** Stand-ins for the modules that a page has. @type {Record<string, string>} */
const MODULES = {
  react: "export const useSyncExternalStore = (subscribe, get) => (subscribe(() => {}), get());",
  "react/jsx-runtime": "export const jsx = (type, props) => ({ type, props }); export const jsxs = jsx;",
  vue: "export const shallowRef = (value) => ({ value }); export const onUnmounted = (leave) => page.leave.push(leave);",
  "tidings/inbox.js": "export const openInbox = (options) => page.open(options);",
};

/**
 * @param {string} language of the one block in it
 * @returns {string}
 */
function example(language) {
  const [, code = "", ...more] = TEXT.split(`\`\`\`${language}\n`).map((part) => part.split("```")[0] ?? "");
  assert.equal(more.length, 0, `one example in ${language}`);
  return code;
}

/**
 * Run a module.
 *
 * @param {string} code
 */
async function run(code) {
  const { outputFiles } = await build({
    stdin: { contents: code, loader: "jsx" },
    bundle: true,
    write: false,
    format: "esm",
    jsx: "automatic",
    logLevel: "silent",
    plugins: [
      {
        name: "modules",
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /^[^.]/ }, ({ path, kind }) => (kind === "entry-point" ? null : { path, namespace: "page" }));
          onLoad({ filter: /./, namespace: "page" }, ({ path }) => ({ contents: MODULES[path] ?? "", loader: "js" }));
        },
      },
    ],
  });
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0]?.text ?? "")}`);
}

/** An inbox with one notification, in which nothing can be read. */
function page() {
  const snapshot = { items: [{ id: "n1", title: "One", status: "UNREAD" }], counters: { unread: 1 } };
  /** @type {string[]} */
  const said = [];
  return {
    said,
    /** @type {(() => void)[]} */
    leave: [],
    /** @param {{url: string, getToken: () => Promise<string>}} options */
    open({ url, getToken }) {
      assert.ok(URL.canParse(url) && typeof getToken === "function");
      return {
        getSnapshot: () => snapshot,
        subscribe: () => said.push("subscribe"),
        markRead: async (/** @type {string[]} */ ids) => {
          said.push(`read ${ids}`);
          throw new Error("refused");
        },
        close: () => said.push("close"),
      };
    },
  };
}

test("the example for React runs as it is pasted", async (t) => {
  const warned = t.mock.method(console, "warn", () => {});
  const here = Object.assign(globalThis, { page: page() }).page;
  const code = example("jsx");
  assert.ok(code.split("\n").length <= 15, "about ten lines");
  const { Inbox } = await run(code);
  const text = JSON.stringify(Inbox());
  assert.match(text, /"children":\[1," unread"\]/);
  await Inbox().props.children[1].props.children[0].props.onClick();
  assert.deepEqual([here.said.at(-1), warned.mock.callCount()], ["read n1", 1]);
});

test("the example for Vue runs as it is pasted, and leaves nothing behind", async (t) => {
  const warned = t.mock.method(console, "warn", () => {});
  const here = Object.assign(globalThis, { page: page() }).page;
  const code = example("vue");
  assert.ok(code.split("\n").length <= 18, "about ten lines");
  const [, script = "", template = ""] = /<script setup>(.*?)<\/script>\s*<template>(.*?)<\/template>/s.exec(code) ?? [];
  const [, click = ""] = /@click="([^"]*)"/.exec(template) ?? [];
  const { snapshot, clicked } = await run(`${script}; export const clicked = (item) => ${click}; export { snapshot };`);
  assert.equal(snapshot.value.items[0].title, "One");
  await clicked(snapshot.value.items[0]);
  assert.deepEqual([here.said.at(-1), warned.mock.callCount()], ["read n1", 1]);
  for (const leave of here.leave) leave();
  assert.equal(here.said.at(-1), "close");
});
