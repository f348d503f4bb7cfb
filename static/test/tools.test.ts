import { expect, test } from "vitest";
import { applyLabel } from "../src/editor/core/commands.ts";
import { Brush, BrushSize } from "../src/editor/core/tools/brush.ts";
import { DrawByDrag } from "../src/editor/core/tools/drawByDrag.ts";
import { DrawPath } from "../src/editor/core/tools/drawPath.ts";
import { Select } from "../src/editor/core/tools/select.ts";
import type { Tool } from "../src/editor/core/tools/tool.ts";
import { bench, ofGeometry, press, proposal, shape } from "./parts.ts";

function drag(tool: Tool, ...path: readonly (readonly [number, number])[]): void {
  const [first, ...rest] = path;
  const last = rest.at(-1) ?? first;
  if (!first || !last) return;
  tool.pointerDown(press(...first));
  for (const point of rest) tool.pointerMove(press(...point));
  tool.pointerUp(press(...last));
}

test("a drag is one undo step however many moves it took", () => {
  const table = bench();

  drag(new DrawByDrag(table, "box"), [50, 40], [30, 30], [20, 35], [10, 20]);

  expect(table.doc.get("new-1")).toMatchObject({ bbox: [10, 20, 50, 40], labelId: 1 });
  expect(Array.from(table.selection)).toEqual(["new-1"]);
  table.editor.undo();
  expect(table.doc.size).toBe(0);
  expect(table.selection.size).toBe(0);
});

test.each(["escape", "slip"])("%s leaves neither a shape nor a step", (how) => {
  const table = bench();
  const tool = new DrawByDrag(table, "box");

  tool.pointerDown(press(5, 5));
  tool.pointerMove(press(6, 60));
  if (how === "escape") tool.cancel();
  else tool.pointerUp(press(6, 60));

  expect(table.doc.size).toBe(0);
  expect(table.editor.nextUndo).toBeNull();
  expect(tool.isBusy).toBe(false);
});

test("a click with the box tool selects what is there", () => {
  const table = bench([shape("a", [0, 0, 40, 40]), shape("b", [10, 10, 20, 20])]);

  drag(new DrawByDrag(table, "box"), [15, 15]);

  expect(Array.from(table.selection)).toEqual(["b"]);
});

test("a label key is for the next object until a click means this one", () => {
  const table = bench();
  const tool = new DrawByDrag(table, "box");
  drag(tool, [10, 10], [40, 40]);

  applyLabel(table, 2);
  expect(table.doc.get("new-1")?.labelId).toBe(1);

  drag(tool, [25, 25]);
  applyLabel(table, 2);
  expect(table.doc.get("new-1")?.labelId).toBe(2);
});

test("the box tool pulls the handle of what is selected", () => {
  const table = bench([shape("a", [10, 10, 40, 40])]);
  table.select(["a"]);

  drag(new DrawByDrag(table, "box"), [40, 40], [60, 50]);

  expect(table.doc.get("a")?.bbox).toEqual([10, 10, 60, 50]);
  expect(table.doc.size).toBe(1);
});

test("a corner pulled past its opposite turns the box over", () => {
  const table = bench([shape("a", [30, 30, 40, 40])]);
  table.select(["a"]);

  drag(new Select(table), [40, 40], [35, 35], [20, 10]);

  expect(table.doc.get("a")?.bbox).toEqual([20, 10, 30, 30]);
});

test("a middle handle moves one side alone", () => {
  const table = bench([shape("a", [10, 10, 40, 40])]);
  table.select(["a"]);

  drag(new Select(table), [40, 25], [70, 60]);

  expect(table.doc.get("a")?.bbox).toEqual([10, 10, 70, 40]);
});

test("what is selected moves together and stops at the edge of the image", () => {
  const table = bench([shape("a", [10, 10, 20, 20]), shape("b", [60, 50, 90, 70])]);
  table.select(["a", "b"]);

  drag(new Select(table), [15, 15], [40, 15], [65, 15]);

  expect(table.doc.get("b")?.bbox).toEqual([70, 50, 100, 70]);
  expect(table.doc.get("a")?.bbox).toEqual([20, 10, 30, 20]);
  table.editor.undo();
  expect(table.doc.get("a")?.bbox).toEqual([10, 10, 20, 20]);
});

test("a trembling click moves nothing", () => {
  const table = bench([shape("a", [10, 10, 30, 30])]);

  drag(new Select(table), [20, 20], [20.5, 20.3]);

  expect(table.editor.nextUndo).toBeNull();
  expect(table.doc.get("a")?.bbox).toEqual([10, 10, 30, 30]);
});

test("a band takes what lies whole inside it, with Shift in addition", () => {
  const table = bench([
    shape("a", [0, 0, 5, 5]),
    shape("b", [20, 20, 30, 30]),
    shape("c", [25, 25, 60, 60]),
  ]);
  table.select(["a"]);
  const tool = new Select(table);

  tool.pointerDown(press(15, 15, { shift: true }));
  tool.pointerMove(press(40, 40, { shift: true }));
  tool.pointerUp(press(40, 40, { shift: true }));

  expect(Array.from(table.selection)).toEqual(["a", "b"]);
});

test("what is locked or hidden cannot be taken by the pointer", () => {
  const table = bench([shape("a", [0, 0, 50, 50]), shape("b", [10, 10, 30, 30])]);
  table.setLocked(["b"], true);

  drag(new Select(table), [20, 20]);
  expect(Array.from(table.selection)).toEqual(["a"]);

  table.setHidden(["a"], true);
  drag(new Select(table), [20, 20]);
  expect(table.selection.size).toBe(0);
});

test("a click on a proposal gives it to the keys", () => {
  const table = bench([], [proposal("p", [10, 10, 30, 30])]);

  drag(new Select(table), [20, 20]);

  expect(table.proposals.focused?.id).toBe("p");
});

test("a polygon ends on its first vertex and is one undo step", () => {
  const table = bench();
  const tool = new DrawPath(table, "polygon");

  for (const at of [
    [10, 10],
    [40, 10],
    [40, 40],
    [10.5, 10.5],
  ] as const)
    drag(tool, at);

  expect(table.doc.get("new-1")).toMatchObject({
    bbox: [10, 10, 40, 40],
    geometry: {
      kind: "polygon",
      points: [
        [10, 10],
        [40, 10],
        [40, 40],
      ],
      holes: [],
    },
  });
  table.editor.undo();
  expect(table.doc.size).toBe(0);
});

test("undo inside a shape takes back one click and nothing else", () => {
  const table = bench();
  const tool = new DrawPath(table, "polyline");
  for (const at of [
    [10, 10],
    [40, 10],
    [40, 40],
  ] as const)
    drag(tool, at);

  expect(tool.stepBack()).toBe(true);
  tool.finish();

  expect(table.doc.get("new-1")?.geometry).toEqual({
    kind: "polyline",
    points: [
      [10, 10],
      [40, 10],
    ],
  });
});

test("too few clicks make no shape", () => {
  const table = bench();
  const tool = new DrawPath(table, "polygon");
  for (const at of [
    [10, 10],
    [40, 10],
  ] as const)
    drag(tool, at);

  tool.finish();

  expect(table.doc.size).toBe(0);
  expect(tool.isBusy).toBe(false);
});

test("Shift inside the selected polygon cuts a hole that clicks fall through", () => {
  const table = bench([
    ofGeometry("a", {
      kind: "polygon",
      holes: [],
      points: [
        [0, 0],
        [60, 0],
        [60, 60],
        [0, 60],
      ],
    }),
  ]);
  table.select(["a"]);
  const tool = new DrawPath(table, "polygon");

  for (const at of [
    [20, 20],
    [40, 20],
    [30, 40],
  ] as const) {
    tool.pointerDown(press(at[0], at[1], { shift: true }));
    tool.pointerUp(press(at[0], at[1], { shift: true }));
  }
  tool.finish();

  expect(table.doc.size).toBe(1);
  expect(table.shapeAt([30, 27], 0)).toBeNull();
  expect(table.shapeAt([10, 50], 0)?.id).toBe("a");
});

test("the middle of an edge becomes a vertex, and Alt takes one out", () => {
  const table = bench([
    ofGeometry("a", {
      kind: "polygon",
      holes: [],
      points: [
        [10, 10],
        [50, 10],
        [50, 50],
        [10, 50],
      ],
    }),
  ]);
  table.select(["a"]);
  const tool = new Select(table);

  drag(tool, [30, 10], [30, 2]);
  expect(table.doc.get("a")?.bbox).toEqual([10, 2, 50, 50]);

  tool.pointerDown(press(30, 2, { alt: true }));
  tool.pointerUp(press(30, 2, { alt: true }));
  expect(table.doc.get("a")?.bbox).toEqual([10, 10, 50, 50]);
});

test("a brush paints, a second stroke adds, the eraser takes away, each one step", () => {
  const table = bench();
  const size = new BrushSize();
  size.scale(0.4);
  expect(size.radius).toBe(4);
  drag(new Brush(table, "brush", size), [20, 20], [40, 20]);
  const first = table.doc.get("new-1");
  expect(first?.bbox).toEqual([16, 16, 44, 24]);

  drag(new Brush(table, "brush", size), [40, 20], [40, 60]);
  expect(table.doc.size).toBe(1);
  expect(table.doc.get("new-1")?.bbox).toEqual([16, 16, 44, 64]);

  drag(new Brush(table, "eraser", size), [40, 26], [40, 70]);
  expect(table.doc.get("new-1")?.bbox[3]).toBe(24);
  table.editor.undo();
  table.editor.undo();
  expect(table.doc.get("new-1")).toEqual(first);
});

test("a mask that is wiped out is gone", () => {
  const table = bench();
  const size = new BrushSize();
  drag(new Brush(table, "brush", size), [40, 40]);

  drag(new Brush(table, "eraser", size), [30, 40], [50, 40]);

  expect(table.doc.size).toBe(0);
});
