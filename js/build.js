/**
 * Makes `dist` of `src`: what the server serves and the package ships.
 *
 *     node build.js            writes it
 *     node build.js --check    fails if what is there is anything else
 *
 * Every entry point keeps its name; what two of them share, and what is fetched on demand, goes into files beside them,
 * named for what is in them. They lie in one folder, because `stream.js` finds its worker beside itself.
 */

import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build, transform } from "esbuild";

import { INTERNAL_PROPERTIES } from "./internal-properties.js";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const DIST = join(HERE, "dist");
const ENTRIES = ["stream", "inbox", "element", "define", "worker"];

/** Style sheets are texts in modules; they are minified as what they are. @type {import("esbuild").Plugin} */
const sheets = {
  name: "sheets",
  setup({ onLoad }) {
    onLoad({ filter: /bell.(styles|overlay\.css)\.js$/ }, async ({ path }) => {
      const [before, sheet, after, ...more] = (await readFile(path, "utf8")).split(/(?<= = )`|`(?=;\n)/);
      if (!sheet || after === undefined || more.length) throw new Error("a style module must contain one sheet");
      const { code: minified } = await transform(sheet, { loader: "css", minify: true, charset: "utf8" });
      const code = minified.replace(/([,:]) /g, "$1"); // in the values of custom properties
      return { contents: `${before}\`${code.trim().replace(/[\\`]|\$\{/g, "\\$&")}\`${after}` };
    });
  },
};

/** Every file of `dist` as it has to be, by its name. @returns {Promise<Map<string, string>>} */
async function made() {
  const { outputFiles } = await build({
    absWorkingDir: HERE, // names are made of paths too: relative to here they are the same everywhere
    entryPoints: ENTRIES.map((name) => `src/${name}.js`),
    outdir: "dist",
    bundle: true,
    splitting: true,
    minify: true,
    mangleProps: new RegExp(`^(${INTERNAL_PROPERTIES.join("|")})$`),
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    plugins: [sheets],
    tsconfigRaw: {}, // what a file is made of is said here and nowhere else
    logLevel: "error",
    write: false,
  });
  return new Map(outputFiles.map(({ path, text }) => [basename(path), text]));
}

/** Every file of `dist` as it is. @returns {Promise<Map<string, string>>} */
async function found() {
  const names = await readdir(DIST).catch(() => []);
  const texts = names.map(async (name) => /** @type {const} */ ([name, await readFile(join(DIST, name), "utf8")]));
  return new Map(await Promise.all(texts));
}

const files = await made();
if (process.argv.includes("--check")) {
  const there = await found();
  const names = new Set([...files.keys(), ...there.keys()]);
  const wrong = [...names].filter((name) => files.get(name) !== there.get(name)).sort();
  if (wrong.length) {
    console.error(`js/dist is not what js/src makes (${wrong.join(", ")}): run \`npm run build\` in js, and commit it`);
    process.exitCode = 1;
  }
} else {
  await rm(DIST, { recursive: true, force: true });
  await mkdir(DIST);
  await Promise.all([...files].map(([name, text]) => writeFile(join(DIST, name), text)));
}
