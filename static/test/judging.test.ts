import { expect, it } from "vitest";
import { imagePoint, screenPoint } from "../src/editor/core/units.ts";
import type { App } from "../src/editor/view/app.ts";
import { Judging } from "../src/editor/view/judging.ts";
import { bench, press, proposal } from "./parts.ts";

/** Three proposals in a row, and a pointer that can be moved onto them. */
function table() {
  const table = bench(
    [],
    [
      proposal("a", [0, 0, 10, 10], 0.9),
      proposal("b", [20, 0, 30, 10], 0.8),
      proposal("c", [40, 0, 50, 10], 0.7),
    ],
  );
  const pointer = { hover: screenPoint(99, 79), pressed: press(99, 79) };
  const app = {
    bench: table,
    pointer,
    onBench: (run: (bench: typeof table) => void) => run(table),
    stage: { camera: { origin: imagePoint(0, 0), zoom: 1 }, view: table.image },
  };
  const moveTo = (x: number, y: number) => {
    pointer.hover = screenPoint(x, y);
    pointer.pressed = press(x, y);
  };
  const open = () => table.proposals.open.map(({ id }) => id);
  return { judging: new Judging(app as unknown as App), moveTo, open };
}

it("judges what the pointer was moved onto, also while another is in focus", () => {
  const { judging, moveTo, open } = table();
  moveTo(5, 5);
  judging.reject();
  moveTo(45, 5);
  judging.reject();
  expect(open()).toEqual(["b"]);
});

it("goes on with the one in focus while the pointer rests, wherever it lies", () => {
  const { judging, moveTo, open } = table();
  moveTo(45, 5);
  judging.goTo(1);
  judging.reject();
  judging.reject();
  expect(open()).toEqual(["c"]);
});
