import { expect, test } from "vitest";
import { Editor } from "../src/editor/core/editor.ts";
import { fitting } from "../src/editor/core/history.ts";
import { shape } from "./parts.ts";
import { seeded } from "./seeded.ts";

const box = (id: string, x = 0) => shape(id, [x, 0, x + 10, 10]);

test.each(Array.from({ length: 60 }, (_, seed) => seed))("undo mirrors redo, seed %i", (seed) => {
  const random = seeded(seed);
  const start = new Map([["a", box("a")]]);
  const editor = new Editor(start);
  const seen = [editor.doc];
  for (let step = 0; step < 8; step++) {
    editor.begin("draw");
    for (const id of ["a", "b", "c"]) {
      if (random() < 0.6) editor.put(box(id, random() * 50));
      if (random() < 0.3) editor.remove(id);
    }
    const before = editor.nextUndo;
    if (random() < 0.2) editor.cancel();
    else editor.commit();
    if (editor.nextUndo !== before || editor.doc !== seen.at(-1)) seen.push(editor.doc);
  }
  const end = editor.doc;

  while (editor.nextUndo) editor.undo();
  expect(editor.doc).toEqual(start);
  while (editor.nextRedo) editor.redo();
  expect(editor.doc).toEqual(end);
});

test("a gesture that ends as it began is no step", () => {
  const editor = new Editor();

  editor.begin("draw");
  editor.put(box("a"));
  editor.remove("a");
  editor.commit();

  expect(editor.nextUndo).toBeNull();
});

test("a new step forgets what was undone", () => {
  const editor = new Editor();
  editor.begin("draw");
  editor.put(box("a"));
  editor.commit();
  editor.undo();

  editor.begin("draw");
  editor.put(box("b"));
  editor.commit();

  expect(editor.nextRedo).toBeNull();
  expect(Array.from(editor.doc.keys())).toEqual(["b"]);
});

test("undo in the middle of a gesture is an error", () => {
  const editor = new Editor();
  editor.begin("draw");

  expect(() => editor.undo()).toThrow("finish or cancel");
});

test("news enters outside history", () => {
  const editor = new Editor(new Map([["a", box("a")]]));

  editor.receive(new Map([["a", { before: box("a"), after: box("a", 30) }]]));

  expect(editor.doc.get("a")?.bbox).toEqual([30, 0, 40, 10]);
  expect(editor.nextUndo).toBeNull();
});

test("history taken up from an earlier visit can be undone", () => {
  const first = new Editor();
  first.begin("draw");
  first.put(box("a"));
  first.commit();
  const { done, undone } = first.history;

  const second = new Editor(first.doc);
  second.restoreHistory(done, undone);
  second.undo();

  expect(second.doc.size).toBe(0);
});

test("of an earlier visit's history, what others have overwritten is left out", () => {
  const first = new Editor();
  for (const [id, x] of [
    ["a", 0],
    ["b", 0],
    ["a", 20],
    ["b", 30],
  ] as const) {
    first.begin("draw");
    first.put(box(id, x));
    first.commit();
  }
  first.undo();
  const { done, undone } = first.history;
  expect([done.length, undone.length]).toEqual([3, 1]);

  expect(fitting(first.doc, first.history)).toEqual({ done, undone });
  const changed = new Map(first.doc).set("b", box("b", 77));
  expect(fitting(changed, first.history)).toEqual({ done: done.slice(2), undone: [] });
});
