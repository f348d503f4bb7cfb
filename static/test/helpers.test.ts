import { expect, test } from "vitest";
import * as edit from "../src/editor/core/commands.ts";
import { outlineOf } from "../src/editor/core/geometry.ts";
import { LiveWire, type Pixels, simplified } from "../src/editor/core/livewire.ts";
import { DrawSkeleton } from "../src/editor/core/tools/drawSkeleton.ts";
import { JustClick } from "../src/editor/core/tools/justClick.ts";
import { Scissors } from "../src/editor/core/tools/scissors.ts";
import { Select } from "../src/editor/core/tools/select.ts";
import { Walk } from "../src/editor/core/walk.ts";
import { fromAnnotation, toAnnotation } from "../src/editor/core/wire.ts";
import { type Label, Workbench } from "../src/editor/core/workbench.ts";
import { bench, press, proposal, shape } from "./parts.ts";

const ASKED: Label[] = [
  {
    id: 1,
    name: "car",
    color: "#3b82f6",
    hotkey: "1",
    attributes: [
      { name: "colour", kind: "select", options: ["red", "blue"] },
      { name: "moving", kind: "checkbox" },
    ],
    skeleton: { joints: ["nose", "tail", "fin"], edges: [[0, 1]] },
  },
  { id: 2, name: "sign", color: "#f59e0b", hotkey: "2", attributes: [] },
];

function asked(...shapes: ReturnType<typeof shape>[]): Workbench {
  let number = 0;
  return new Workbench({
    image: { width: 100, height: 80 },
    labels: ASKED,
    shapes,
    proposals: [],
    newId: () => `new-${++number}`,
  });
}

const click = (tool: { pointerDown: Click; pointerUp: Click }, x: number, y: number, keys = {}) => {
  tool.pointerDown(press(x, y, keys));
  tool.pointerUp(press(x, y, keys));
};
type Click = (at: ReturnType<typeof press>) => void;

test("the walk asks one question of all objects before the next, and begins where none is answered", () => {
  const a = shape("a", [0, 0, 9, 9], { attributes: { colour: "red" } });
  const table = asked(a, shape("b", [20, 0, 29, 9]), shape("sign", [40, 0, 49, 9], { labelId: 2 }));
  const walk = new Walk(table);
  expect(walk.stop).toMatchObject({ shape: { id: "b" }, number: 2, count: 4 });

  walk.choose(1);
  walk.say(true);

  expect(table.doc.get("b")?.attributes).toEqual({ colour: "blue" });
  expect(table.doc.get("a")?.attributes).toEqual({ colour: "red", moving: true });
  expect(Array.from(table.selection)).toEqual(["b"]);
  expect(walk.choose(5)).toBe(false);
});

test("an answer is one undo step", () => {
  const table = asked(shape("a", [0, 0, 9, 9]));
  new Walk(table).choose(0);

  table.editor.undo();

  expect(table.doc.get("a")?.attributes).toEqual({});
});

test("a skeleton takes a click a joint, hidden with Shift, absent with Alt", () => {
  const table = asked();
  const tool = new DrawSkeleton(table);
  expect(tool.nextJoint).toBe("nose");

  click(tool, 10, 10);
  click(tool, 20, 10, { alt: true });
  click(tool, 30, 30, { shift: true });

  const [drawn] = Array.from(table.doc.values());
  expect(drawn?.geometry).toMatchObject({ kind: "skeleton", visible: [2, 0, 1] });
  expect(drawn?.bbox).toEqual([10, 10, 30, 30]);
});

test("Enter ends a skeleton early, undo takes its last joint back", () => {
  const table = asked();
  const tool = new DrawSkeleton(table);
  click(tool, 10, 10);
  click(tool, 50, 50);

  tool.stepBack();
  tool.finish();

  const [drawn] = Array.from(table.doc.values());
  expect(drawn?.geometry).toMatchObject({ visible: [2, 0, 0] });
});

test("just click: accept a proposal or a dot, take it back, draw by two corners", () => {
  const table = bench(
    [],
    [proposal("sure", [10, 10, 30, 30], 0.9), proposal("dot", [60, 10, 70, 20], 0.2)],
  );
  const tool = new JustClick(table);

  click(tool, 20, 20);
  click(tool, 65, 15);
  expect(Array.from(table.doc.keys())).toEqual(["sure", "dot"]);

  click(tool, 20, 20);
  expect(Array.from(table.doc.keys())).toEqual(["dot"]);

  click(tool, 40, 40);
  click(tool, 55, 60);
  expect(table.doc.get("new-1")?.bbox).toEqual([40, 40, 55, 60]);
});

test("shapes of a group are selected together, one alone with Alt", () => {
  const table = bench([shape("a", [0, 0, 9, 9]), shape("b", [20, 0, 29, 9])]);
  table.select(["a", "b"]);
  edit.group(table);
  const tool = new Select(table);

  table.select([]);
  click(tool, 5, 5);
  expect(table.selection).toEqual(new Set(["a", "b"]));

  table.select([]);
  click(tool, 5, 5, { alt: true });
  expect(table.selection).toEqual(new Set(["a"]));
  edit.ungroup(table);
  expect(table.doc.get("a")?.group).toBeNull();
});

test("what is brought to the front is hit first and drawn last", () => {
  const table = bench([shape("big", [0, 0, 50, 50]), shape("small", [10, 10, 20, 20])]);
  table.select(["big"]);

  edit.toEdge(table, 1);

  expect(table.shapeAt([15, 15], 1)?.id).toBe("big");
  expect(table.shapesIn([0, 0, 60, 60]).map(({ id }) => id)).toEqual(["small", "big"]);
});

test("an image tag is said once, taken back by saying it again, and cannot be hit", () => {
  const table = bench();

  edit.toggleTag(table, 2);
  const [tag] = Array.from(table.doc.values());
  expect(tag).toMatchObject({ labelId: 2, geometry: { kind: "tag" }, bbox: [0, 0, 100, 80] });
  expect(table.shapeAt([50, 40], 5)).toBeNull();
  expect(tag && fromAnnotation(toAnnotation(tag))).toEqual(tag);

  edit.toggleTag(table, 2);
  expect(table.doc.size).toBe(0);
});

test("a whole label's proposals are accepted or rejected at once", () => {
  const other = { ...proposal("other", [40, 0, 49, 9], 0.9), labelId: 2 };
  const table = bench([], [proposal("a", [0, 0, 9, 9], 0.9), other]);

  edit.acceptAllProposals(table, 1);
  edit.rejectAllProposals(table, 2);

  expect(Array.from(table.doc.keys())).toEqual(["a"]);
  expect(table.proposals.open).toEqual([]);
});

/** A bright disc on dark ground. */
function disc(side: number, radius: number): Pixels {
  const gray = new Uint8ClampedArray(side * side);
  for (let at = 0; at < gray.length; at++) {
    const [x, y] = [(at % side) - side / 2, Math.floor(at / side) - side / 2];
    gray[at] = Math.hypot(x, y) < radius ? 220 : 30;
  }
  return { region: [0, 0, side, side], width: side, height: side, gray };
}

test("the wire runs along the edge of a disc, not across it", () => {
  const wire = new LiveWire(disc(100, 30), [20, 50]);

  const way = wire.wayTo([80, 50]);

  const radii = way.map(([x, y]) => Math.hypot(x - 50, y - 50));
  expect(Math.min(...radii)).toBeGreaterThan(27);
  expect(Math.max(...radii)).toBeLessThan(33);
  expect(way.length).toBeLessThan(40);
});

test("four clicks of the scissors cut a disc out", () => {
  const table = bench();
  const tool = new Scissors(table, () => disc(80, 25));
  for (const [x, y] of [
    [15, 40],
    [40, 15],
    [65, 40],
    [40, 65],
    [15, 40],
  ] as const) {
    click(tool, x, y);
  }

  const [drawn] = Array.from(table.doc.values());
  expect(drawn?.geometry.kind).toBe("polygon");
  const outline = drawn ? outlineOf(drawn.geometry).rings.flat() : [];
  const misses = outline.map(([x, y]) => Math.abs(Math.hypot(x - 40, y - 40) - 25));
  expect(Math.max(...misses)).toBeLessThan(2.5);
});

test("without a picture the scissors draw straight lines", () => {
  const table = bench();
  const tool = new Scissors(table, () => null);
  click(tool, 10, 10);
  click(tool, 50, 10);
  click(tool, 50, 50);
  tool.finish();

  expect(Array.from(table.doc.values())[0]?.geometry).toMatchObject({
    points: [
      [10, 10],
      [50, 10],
      [50, 50],
    ],
  });
});

test("a line keeps its corners and loses what lies between", () => {
  const line = [
    [0, 0],
    [5, 0.1],
    [10, 0],
    [10, 10],
  ] as const;

  expect(simplified(line, 0.5)).toEqual([
    [0, 0],
    [10, 0],
    [10, 10],
  ]);
});
