import { pickProposal } from "../commands.ts";
import type { Geometry } from "../geometry.ts";
import { area, type Bbox, type ImagePoint, spanning } from "../units.ts";
import { reshaped, type Workbench } from "../workbench.ts";
import { Grab } from "./grab.ts";
import type { Press, Sketch, Tool } from "./tool.ts";

type State =
  | { readonly name: "idle" }
  | { readonly name: "grabbing" }
  | { readonly name: "drawing"; readonly id: string; readonly from: ImagePoint };

/** Narrower than this many image pixels it was a slip. */
const MIN_SIDE = 2;

/** What a drag from corner to corner makes. Turned shapes are turned by their handle after. */
const SHAPES = {
  box: (bbox: Bbox): Geometry => ({ kind: "box", bbox }),
  rotated_box: ([x1, y1, x2, y2]: Bbox): Geometry => ({
    kind: "rotated_box",
    center: [(x1 + x2) / 2, (y1 + y2) / 2],
    size: [x2 - x1, y2 - y1],
    angle: 0,
  }),
  ellipse: ([x1, y1, x2, y2]: Bbox): Geometry => ({
    kind: "ellipse",
    center: [(x1 + x2) / 2, (y1 + y2) / 2],
    radii: [(x2 - x1) / 2, (y2 - y1) / 2],
    angle: 0,
  }),
} as const;

/** Press, drag, release: a shape. */
export class DrawByDrag implements Tool {
  readonly name: keyof typeof SHAPES;
  readonly sketch: Sketch | null = null;
  readonly snaps = true;
  readonly #bench: Workbench;
  readonly #grab: Grab;
  #state: State = { name: "idle" };

  constructor(bench: Workbench, name: keyof typeof SHAPES) {
    this.name = name;
    this.#bench = bench;
    this.#grab = new Grab(bench);
  }

  get isBusy(): boolean {
    return this.#state.name !== "idle";
  }

  pointerDown(press: Press): void {
    if (this.#grab.take(press)) {
      this.#state = this.#grab.isBusy ? { name: "grabbing" } : { name: "idle" };
      return;
    }
    this.#bench.select([]);
    if (this.#bench.activeLabel === null) return;
    this.#bench.editor.begin("draw");
    this.#state = { name: "drawing", id: this.#bench.newId(), from: press.at };
  }

  pointerMove(press: Press): void {
    if (this.#state.name === "grabbing") this.#grab.pull(press);
    if (this.#state.name !== "drawing") return;
    const geometry = SHAPES[this.name](spanning(this.#state.from, press.at));
    const drawn = this.#bench.doc.get(this.#state.id);
    const shape = drawn
      ? reshaped(drawn, geometry)
      : this.#bench.newShape(this.#state.id, geometry);
    if (!shape) return;
    this.#bench.editor.put(shape);
    if (!drawn) this.#bench.selectFresh(shape.id);
  }

  pointerUp(press: Press): void {
    this.pointerMove(press);
    const state = this.#state;
    this.#state = { name: "idle" };
    if (state.name === "grabbing") this.#grab.letGo();
    if (state.name === "drawing") this.#finish(state.id, press);
  }

  cancel(): void {
    const { name } = this.#state;
    this.#state = { name: "idle" };
    if (name === "grabbing") this.#grab.cancel();
    if (name === "drawing") this.#bench.editor.cancel();
  }

  cursor(press: Press): string {
    return this.#grab.cursor(press) ?? "crosshair";
  }

  #finish(id: string, { at, reach }: Press): void {
    const bbox = this.#bench.doc.get(id)?.bbox ?? [0, 0, 0, 0];
    const isSlip = Math.min(bbox[2] - bbox[0], bbox[3] - bbox[1]) < MIN_SIDE;
    if (!isSlip) {
      this.#bench.editor.commit();
      return;
    }
    this.#bench.editor.cancel();
    // A click is not a box: it picks what is there, so that correcting needs no other tool.
    const under = area(bbox) <= reach * reach ? this.#bench.shapeAt(at, reach) : null;
    if (under) this.#bench.select([under.id]);
    else pickProposal(this.#bench, at, reach);
  }
}
