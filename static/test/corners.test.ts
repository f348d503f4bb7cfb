import { describe, expect, it } from "vitest";
import { snapped } from "../src/editor/core/snapping.ts";
import { Carry } from "../src/editor/core/tools/carry.ts";
import { imagePoint } from "../src/editor/core/units.ts";
import { bench, ofGeometry, press, shape } from "./parts.ts";

describe("snapping", () => {
  const table = () =>
    bench([
      shape("a", [20, 20, 40, 40]),
      ofGeometry("line", {
        kind: "polyline",
        points: [
          [60, 10],
          [80, 50],
        ],
      }),
    ]);

  it.each([
    ["a corner wins over the two edges that meet there", [41, 39], [40, 40]],
    ["an edge takes what is near it, on the shortest way", [42, 30], [40, 30]],
    ["a line is snapped to along its whole length", [70.8, 29.6], [70, 30]],
    ["the image's border is an edge too", [1.5, 60], [0, 60]],
    ["a corner of the image is two borders", [98.5, 79], [100, 80]],
    ["what has nothing near stays where it is", [50, 60], [50, 60]],
  ] as const)("%s", (_, [x, y], [u, v]) => {
    const [a, b] = snapped(table(), imagePoint(x, y), 3);
    expect([a, b]).toEqual([expect.closeTo(u), expect.closeTo(v)]);
  });

  it("is not pulled by what is in the hand", () => {
    const bare = table();
    bare.select(["a"]);
    expect(snapped(bare, imagePoint(41, 39), 3)).toEqual([41, 39]);
  });
});

describe("carrying a corner", () => {
  it("takes the nearest corner without a button, and puts it down in one undo step", () => {
    const table = bench([shape("a", [20, 20, 40, 40])]);
    table.select(["a"]);
    const carry = new Carry(table);

    carry.toggle(press(44, 45));
    carry.pointerMove(press(50, 52));
    carry.pointerDown(press(60, 70));

    expect(carry.isBusy).toBe(false);
    expect(table.doc.get("a")?.bbox).toEqual([20, 20, 60, 70]);
    table.editor.undo();
    expect(table.doc.get("a")?.bbox).toEqual([20, 20, 40, 40]);
  });

  it("selects what is under the pointer where nothing is selected", () => {
    const table = bench([shape("a", [20, 20, 40, 40])]);
    const carry = new Carry(table);

    carry.toggle(press(22, 22));
    carry.pointerMove(press(10, 12));
    carry.toggle(press(10, 12));

    expect(table.doc.get("a")?.bbox).toEqual([10, 12, 40, 40]);
  });

  it("puts everything back when it is cancelled", () => {
    const table = bench([shape("a", [20, 20, 40, 40])]);
    table.select(["a"]);
    const carry = new Carry(table);

    carry.toggle(press(44, 45));
    carry.pointerMove(press(50, 52));
    carry.cancel();

    expect(table.doc.get("a")?.bbox).toEqual([20, 20, 40, 40]);
    expect(table.editor.nextUndo).toBeNull();
  });

  it("leaves locked shapes and several at once alone", () => {
    const table = bench([shape("a", [20, 20, 40, 40]), shape("b", [50, 20, 60, 40])]);
    const carry = new Carry(table);

    table.select(["a", "b"]);
    carry.toggle(press(0, 0));
    expect(carry.isBusy).toBe(false);
    table.setLocked(["a"], true);
    table.select(["a"]);
    carry.toggle(press(21, 21));
    expect(carry.isBusy).toBe(false);
  });
});
