import { expect, test } from "vitest";
import { answered, askedOf } from "../src/editor/core/asked.ts";
import { applyLabel, paste, setAttribute } from "../src/editor/core/commands.ts";
import { Walk } from "../src/editor/core/walk.ts";
import { type Label, Workbench } from "../src/editor/core/workbench.ts";
import { fitLabel, fittingTool } from "../src/editor/view/fitting.ts";
import { shape } from "./parts.ts";

const HOLE: Label = {
  id: 1,
  name: "hole",
  color: "#3b82f6",
  hotkey: "1",
  attributes: [
    { name: "damaged", kind: "checkbox" },
    { name: "cause", kind: "select", options: ["fall", "heat"], when: on("damaged", true) },
    { name: "height", kind: "number", when: on("cause", "fall") },
    { name: "note", kind: "text" },
  ],
};
const LINE: Label = { id: 2, name: "line", color: "#f59e0b", hotkey: "2", kinds: ["polyline"] };
const AREA: Label = { id: 3, name: "area", color: "#22c55e", hotkey: "3", kinds: ["mask", "tag"] };
const ALL_TOOLS = ["select", "box", "polygon", "polyline", "brush", "eraser", "clickMask"];

function on(name: string, value: unknown) {
  return { name, value };
}

function table(labels: readonly Label[], ...shapes: ReturnType<typeof shape>[]): Workbench {
  let number = 0;
  return new Workbench({
    image: { width: 100, height: 80 },
    labels,
    shapes,
    proposals: [],
    newId: () => `new-${++number}`,
  });
}

const names = (said: Record<string, unknown>) => askedOf(HOLE, said).map(({ name }) => name);

test("an attribute is asked after its answer, and that one only where it is asked itself", () => {
  expect(names({})).toEqual(["damaged", "note"]);
  expect(names({ damaged: true })).toEqual(["damaged", "cause", "note"]);
  expect(names({ damaged: true, cause: "fall" })).toEqual(["damaged", "cause", "height", "note"]);
  expect(names({ damaged: false, cause: "fall" })).toEqual(["damaged", "note"]);
});

test("an answer that changes takes back what hung on it, and nothing else", () => {
  const said = { damaged: true, cause: "fall", height: 3, note: "x", foreign: 1 };

  expect(answered(HOLE, said, "cause", "heat")).toEqual({
    damaged: true,
    cause: "heat",
    note: "x",
    foreign: 1,
  });
  expect(answered(HOLE, said, "damaged", undefined)).toEqual({ note: "x", foreign: 1 });
});

test("the walk goes on to what an answer asks for", () => {
  const bench = table([HOLE], shape("a", [0, 0, 9, 9]), shape("b", [20, 0, 29, 9]));
  const walk = new Walk(bench);
  const stops: string[] = [];

  for (const said of [true, false, "fall", "x", 7, "y"]) {
    const stop = walk.stop;
    stops.push(`${stop?.shape.id} ${stop?.attribute.name}`);
    walk.say(said);
  }

  expect(stops).toEqual(["a damaged", "b damaged", "a cause", "b note", "a height", "a note"]);
});

test("no way leads to a shape that its label may not be drawn as", () => {
  const box = shape("box", [0, 0, 9, 9]);
  const bench = table([HOLE, LINE], box);
  const refused: string[] = [];
  bench.subscribe((topic) => topic === "refused" && refused.push(topic));
  bench.select(["box"]);

  applyLabel(bench, 2);
  expect(bench.doc.get("box")?.labelId).toBe(1);
  paste(bench, [{ ...box, labelId: 2 }], 5);
  expect(bench.doc.size).toBe(1);
  expect(refused).toHaveLength(2);
});

test("what was drawn before its label said how can be moved and described", () => {
  const old = shape("old", [0, 0, 9, 9], { labelId: 2 });
  const bench = table([HOLE, LINE], old);
  bench.select(["old"]);

  setAttribute(bench, "colour", "red");

  expect(bench.doc.get("old")?.attributes).toEqual({ colour: "red" });
});

test("a label brings a tool that draws it, a tool a label that it draws", () => {
  const bench = table([HOLE, LINE, AREA]);
  const tool = (label: number, now: string) => {
    bench.pickLabel(label);
    return fittingTool(bench, now, ALL_TOOLS);
  };

  expect(tool(1, "box")).toBe("box");
  expect(tool(2, "box")).toBe("polyline");
  expect(tool(3, "polyline")).toBe("brush");
  expect(tool(3, "clickMask")).toBe("clickMask");
  expect(tool(3, "select")).toBe("select");
  expect(fitLabel(bench, "polyline")).toBe(true);
  expect(bench.activeLabel).toBe(1); // the first that may be drawn so
  bench.pickLabel(2);
  expect(fitLabel(bench, "polyline") && bench.activeLabel).toBe(2);
  expect(fitLabel(table([LINE]), "box")).toBe(false);
  expect(fitLabel(table([]), "box")).toBe(true);
});
