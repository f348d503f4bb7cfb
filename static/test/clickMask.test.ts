import { describe, expect, it } from "vitest";
import {
  ClickMask,
  type ClickPrompt,
  type Found,
  type Haste,
  type Outline,
} from "../src/editor/core/tools/clickMask.ts";
import { imagePoint } from "../src/editor/core/units.ts";
import { Workbench } from "../src/editor/core/workbench.ts";

const SQUARE: Outline = {
  points: [
    [10, 10],
    [30, 10],
    [30, 30],
    [10, 30],
  ],
  holes: [
    [
      [15, 15],
      [20, 15],
      [20, 20],
      [15, 20],
    ],
  ],
};

function table() {
  let ids = 0;
  const bench = new Workbench({
    image: { width: 100, height: 80 },
    labels: [{ id: 7, name: "cell", color: "#fff", hotkey: null }],
    shapes: [],
    proposals: [],
    newId: () => `shape-${ids++}`,
  });
  const asked: ClickPrompt[] = [];
  const hastes: Haste[] = [];
  const answers: ((found: Found | null) => void)[] = [];
  const ask = (prompt: ClickPrompt, haste: Haste) => {
    asked.push(prompt);
    hastes.push(haste);
    return new Promise<Found | null>((resolve) => answers.push(resolve));
  };
  const tool = new ClickMask(bench, ask, () => {});
  const press = (x: number, y: number, alt = false) => ({
    at: imagePoint(x, y),
    reach: 3,
    shift: false,
    alt,
  });
  const click = (x: number, y: number, alt = false) => {
    tool.pointerDown(press(x, y, alt));
    tool.pointerUp(press(x, y, alt));
  };
  const answer = async (outlines: readonly Outline[] | null, isFinal = true) => {
    answers.at(-1)?.(outlines && { outlines, isFinal });
    await new Promise((resolve) => setTimeout(resolve));
  };
  return { bench, tool, asked, hastes, answers, press, click, answer };
}

describe("the click tool", () => {
  it("has the picture encoded before the first click", () => {
    const { tool, asked, press } = table();
    tool.pointerMove(press(5, 5));
    tool.pointerMove(press(6, 5));
    expect(asked).toEqual([{ clicks: [], box: null }]);
  });

  it("sends all that was said, and takes Alt as beside the object", async () => {
    const { click, answer, asked } = table();
    click(20, 20);
    await answer([SQUARE]);
    click(50, 50, true);
    const second = {
      clicks: [
        [20, 20, 1],
        [50, 50, 0],
      ],
      box: null,
    };
    expect(asked.at(-1)).toEqual(second);
  });

  it("takes a drag as a box", () => {
    const { tool, press, asked } = table();
    tool.pointerDown(press(10, 10));
    tool.pointerMove(press(40, 30));
    expect(tool.sketch).toEqual({ name: "band", bbox: [10, 10, 40, 30] });
    tool.pointerUp(press(40, 30));
    expect(asked.at(-1)).toEqual({ clicks: [], box: [10, 10, 40, 30] });
  });

  it("makes a polygon of the active label, one undo step, with its holes", async () => {
    const { bench, tool, click, answer } = table();
    click(20, 20);
    await answer([SQUARE]);
    tool.finish();
    const [shape] = Array.from(bench.doc.values());
    expect(shape?.labelId).toBe(7);
    expect(shape?.geometry).toEqual({ kind: "polygon", ...SQUARE });
    expect(tool.isBusy).toBe(false);
    bench.editor.undo();
    expect(bench.doc.size).toBe(0);
  });

  it("makes a mask whose pixels are those of the outline", async () => {
    const { bench, tool, click, answer } = table();
    click(20, 20);
    await answer([SQUARE]);
    tool.finishAsMask();
    const [shape] = Array.from(bench.doc.values());
    const geometry = shape?.geometry;
    if (geometry?.kind !== "mask") throw new Error("no mask");
    expect(geometry.origin).toEqual([10, 10]);
    expect(geometry.size).toEqual([20, 20]);
    const on = geometry.counts.filter((_, index) => index % 2 === 1);
    expect(on.reduce((sum, run) => sum + run, 0)).toBe(20 * 20 - 5 * 5);
  });

  it("leaves out an answer that was overtaken", async () => {
    const { tool, click, answers, answer } = table();
    click(20, 20);
    click(25, 25);
    await answer([SQUARE]);
    answers[0]?.({ outlines: [], isFinal: true });
    await new Promise((resolve) => setTimeout(resolve));
    expect(tool.sketch).toMatchObject({ name: "answer", outlines: [SQUARE] });
  });

  it("shows the first outline at once, and the refined one in its place", async () => {
    const { bench, tool, click, answer, asked, hastes } = table();
    const refined = { ...SQUARE, holes: [] };
    click(20, 20);
    await answer([SQUARE], false);
    expect(tool.isWaiting).toBe(false);
    expect(tool.sketch).toMatchObject({ outlines: [SQUARE] });
    expect(hastes).toEqual(["careful", "quick", "careful"]);
    expect(asked[2]).toEqual(asked[1]);
    await answer([refined]);
    expect(tool.sketch).toMatchObject({ outlines: [refined] });
    tool.finish();
    expect(Array.from(bench.doc.values())).toMatchObject([{ geometry: refined }]);
  });

  it("asks once where the first outline is final", async () => {
    const { click, answer, hastes } = table();
    click(20, 20);
    await answer([SQUARE]);
    expect(hastes).toEqual(["careful", "quick"]);
  });

  it("waits for the closer look where a first one sees nothing", async () => {
    const { bench, tool, click, answer } = table();
    click(20, 20);
    await answer([SQUARE]);
    click(25, 25);
    await answer([], false);
    tool.finish();
    expect(bench.doc.size).toBe(0);
    expect(tool.sketch).toMatchObject({ outlines: [SQUARE] });
    await answer(null);
    expect(tool.sketch).toMatchObject({ outlines: [SQUARE], marks: [[20, 20, 1]] });
  });

  it("keeps what is shown when it is taken before it is refined", async () => {
    const { bench, tool, click, answer, answers } = table();
    click(20, 20);
    await answer([SQUARE], false);
    tool.finish();
    answers.at(-1)?.({ outlines: [], isFinal: true });
    await new Promise((resolve) => setTimeout(resolve));
    expect(Array.from(bench.doc.values())).toMatchObject([{ geometry: SQUARE }]);
    expect(tool.sketch).toBeNull();
  });

  it("leaves a refinement out once another click was made, or when it fails", async () => {
    const { tool, click, answer, answers } = table();
    click(20, 20);
    await answer([SQUARE], false);
    click(25, 25);
    answers[2]?.({ outlines: [], isFinal: true });
    await new Promise((resolve) => setTimeout(resolve));
    expect(tool.sketch).toMatchObject({ outlines: [SQUARE] });
    await answer([SQUARE], false);
    await answer(null);
    expect(tool.sketch).toMatchObject({ outlines: [SQUARE] });
  });

  it("forgets a click that nobody answered", async () => {
    const { tool, click, answer } = table();
    click(20, 20);
    await answer(null);
    expect(tool.isBusy).toBe(false);
    expect(tool.sketch).toBeNull();
  });

  it("takes back clicks one by one, and all of them", async () => {
    const { bench, tool, click, answer, asked } = table();
    click(20, 20);
    await answer([SQUARE]);
    click(40, 40);
    await answer([SQUARE]);
    expect(tool.stepBack()).toBe(true);
    expect(asked.at(-1)).toEqual({ clicks: [[20, 20, 1]], box: null });
    tool.cancel();
    expect(tool.stepBack()).toBe(false);
    tool.finish();
    expect(bench.doc.size).toBe(0);
  });
});
