import { expect, test } from "vitest";
import { chosen, type Found } from "../src/upload/dropped.ts";
import { portions } from "../src/upload/sending.ts";

function file(path: string, size = 1): File {
  const name = path.split("/").at(-1) ?? "";
  const type = name.endsWith(".txt") ? "text/plain" : "image/png";
  const made = new File([], name, { type });
  Object.defineProperty(made, "size", { value: size });
  Object.defineProperty(made, "webkitRelativePath", { value: path.includes("/") ? path : "" });
  return made;
}

const paths = (found: readonly Found[]) => found.map(({ path }) => path);

test("of a folder the pictures are taken, called by their paths in it", () => {
  const found = chosen([file("shots/a/1.png"), file("shots/notes.txt"), file("shots/2.tiff")]);

  expect(paths(found)).toEqual(["shots/a/1.png", "shots/2.tiff"]);
});

test("of single files all are taken, so that the server says what is wrong with one", () => {
  expect(paths(chosen([file("1.png"), file("notes.txt")]))).toEqual(["1.png", "notes.txt"]);
});

test("portions have a hundred files or 256 MB, and a larger file stands alone", () => {
  const many = chosen(Array.from({ length: 250 }, (_, at) => file(`${at}.png`)));
  const large = chosen([100, 100, 100, 300, 1].map((mb, at) => file(`${at}.png`, mb * 2 ** 20)));

  expect([...portions(many)].map((some) => some.length)).toEqual([100, 100, 50]);
  expect([...portions(large)].map((some) => some.length)).toEqual([2, 1, 1, 1]);
  expect([...portions([])]).toEqual([]);
  expect(paths([...portions(many)].flat())).toEqual(paths(many));
});
