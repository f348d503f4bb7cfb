// What is shipped: its size, its words, its colours. A size goes up only with something new
// that people can do.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { expect, test } from "vitest";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const template = readFileSync(at("../../templates/labeling/editor.html"), "utf8");
const sources = readdirSync(at("../src"), { recursive: true })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => ({ name, text: readFileSync(at(`../src/${name}`), "utf8") }));

test.each([
  ["charts", 8.2],
  ["editor", 38.2],
  ["endpoint", 1],
  ["gallery", 2.6],
  ["live", 2],
  ["shell", 3.1],
  ["tiles", 2],
  ["trial", 0.6],
  ["upload", 2.2],
  ["wall", 7],
])("%s.js is at most %d kB for the wire", async (mode, most) => {
  const { output } = await build({
    root: at(".."),
    mode,
    logLevel: "silent",
    build: { write: false },
  });

  expect(output.map(({ fileName }) => fileName)).toEqual([`${mode}.js`]);
  expect(gzipSync(output[0].code).length).toBeLessThanOrEqual(most * 1000);
});

test("every word that the editor says stands in the page, and none in vain", () => {
  const editor = sources.filter(({ name }) => name.startsWith("editor")).map(({ text }) => text);
  const words = Array.from(template.matchAll(/data-message="([^"]+)"/g), ([, key]) => key);
  const said = editor.flatMap((text) => [
    ...Array.from(text.matchAll(/(?:words|notice)\("([\w.]+)"/g), ([, key]) => key),
    ...Array.from(text.matchAll(/\bid: "(\w+)", group/g), ([, id]) => `command.${id}`),
    ...Array.from(text.matchAll(/id: "(\w+)",\s+group/g), ([, id]) => `command.${id}`),
    ...Array.from(text.matchAll(/\bbegin\("(\w+)"\)/g), ([, name]) => `step.${name}`),
    ...Array.from(
      text.matchAll(/\b(?:step|change)\(bench, "(\w+)"/g),
      ([, name]) => `step.${name}`,
    ),
  ]);

  expect(said.filter((key) => !words.includes(key))).toEqual([]);
  const text = editor.join("\n");
  const isSaid = (key) => said.includes(key) || text.includes(`"${key}"`);
  const isOfAFamily = (key) => /^(state|review|saving|group|conflict)\./.test(key);
  expect(words.filter((key) => !isSaid(key) && !isOfAFamily(key))).toEqual([]);
});

test("every picture that the page uses is drawn in it", () => {
  const drawn = Array.from(template.matchAll(/id="icon-([\w-]+)"/g), ([, name]) => name);
  const used = Array.from(template.matchAll(/href="#icon-([\w-]+)"/g), ([, name]) => name);

  expect(used.filter((name) => !drawn.includes(name))).toEqual([]);
});

test("nothing asks for what the content policy forbids", () => {
  for (const { text } of sources) {
    expect(text).not.toMatch(
      /innerHTML|insertAdjacentHTML|\beval\(|new Function|setAttribute\("style"/,
    );
  }
  expect(template).not.toMatch(/ style=| on\w+="|<script(?![^>]*type="module")/);
});

test("a module fits on a few screens", () => {
  const long = sources.filter(({ text }) => text.split("\n").length > 401);

  expect(long.map(({ name }) => name)).toEqual([]);
});
