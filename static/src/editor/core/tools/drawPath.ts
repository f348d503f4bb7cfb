import type { Geometry, Polygon, Ring, Vertex } from "../geometry.ts";
import { isInside } from "../geometry.ts";
import { reshaped, type Workbench } from "../workbench.ts";
import { Grab } from "./grab.ts";
import type { Press, Sketch, Tool } from "./tool.ts";

type PathKind = "polygon" | "polyline" | "points";

const MIN_VERTICES: Readonly<Record<PathKind, number>> = { polygon: 3, polyline: 2, points: 1 };
/** A vertex each so many reaches along a line that is drawn with the button held. */
const FREEHAND_STEP = 2;

type State =
  | { readonly name: "idle" }
  | { readonly name: "grabbing" }
  | {
      readonly name: "drawing";
      readonly vertices: Ring;
      readonly pointer: Vertex;
      readonly isHeld: boolean;
      /** The polygon that this one is to be a hole of. */
      readonly holeOf: string | null;
      readonly canClose: boolean;
    };

/**
 * Click by click, or with the button held, freely: polygon, polyline, points.
 *
 * A click on the first vertex, a second click on the last, or Enter ends the shape. With
 * Shift, inside the selected polygon, it becomes a hole of that one.
 */
export class DrawPath implements Tool {
  readonly name: PathKind;
  readonly snaps = true;
  readonly #bench: Workbench;
  readonly #grab: Grab;
  #state: State = { name: "idle" };

  constructor(bench: Workbench, name: PathKind) {
    this.name = name;
    this.#bench = bench;
    this.#grab = new Grab(bench);
  }

  get isBusy(): boolean {
    return this.#state.name !== "idle";
  }

  get sketch(): Sketch | null {
    if (this.#state.name !== "drawing") return null;
    const { vertices, pointer, canClose } = this.#state;
    const isDots = this.name === "points";
    const kind = isDots ? "points" : "polyline";
    const end = canClose ? (vertices[0] ?? pointer) : pointer;
    const shown = isDots ? vertices : [...vertices, end];
    return { name: "draft", geometry: { kind, points: shown }, vertices, canClose };
  }

  pointerDown(press: Press): void {
    if (this.#state.name !== "drawing") {
      this.#begin(press);
      return;
    }
    const { vertices } = this.#state;
    const isLast = this.name !== "points" && isNear(vertices.at(-1), press);
    if (isLast || this.#closes(vertices, press)) this.finish();
    else this.#add(press.at, true);
  }

  pointerMove(press: Press): void {
    const state = this.#state;
    if (state.name === "grabbing") this.#grab.pull(press);
    if (state.name !== "drawing") return;
    const { vertices, isHeld } = state;
    const last = vertices.at(-1);
    const isFar = last && gap(last, press.at) >= FREEHAND_STEP * press.reach;
    if (isHeld && isFar && this.name !== "points") {
      this.#add(press.at, true);
      return;
    }
    const canClose = this.#closes(vertices, press);
    this.#state = { ...state, pointer: press.at, canClose };
  }

  pointerUp(press: Press): void {
    this.pointerMove(press);
    if (this.#state.name === "grabbing") {
      this.#grab.letGo();
      this.#state = { name: "idle" };
    } else if (this.#state.name === "drawing") {
      const wasFreehand = this.#state.isHeld && this.#state.vertices.length > 8;
      this.#state = { ...this.#state, isHeld: false };
      if (wasFreehand && this.#state.canClose) this.finish();
    }
  }

  finish(): void {
    if (this.#state.name !== "drawing") return;
    const { vertices, holeOf } = this.#state;
    this.#state = { name: "idle" };
    if (vertices.length < MIN_VERTICES[this.name]) return;
    if (holeOf) this.#cut(holeOf, vertices);
    else this.#put(vertices);
  }

  stepBack(): boolean {
    if (this.#state.name !== "drawing") return false;
    const vertices = this.#state.vertices.slice(0, -1);
    this.#state = vertices.length > 0 ? { ...this.#state, vertices } : { name: "idle" };
    return true;
  }

  cancel(): void {
    if (this.#state.name === "grabbing") this.#grab.cancel();
    this.#state = { name: "idle" };
  }

  cursor(press: Press): string {
    return this.#grab.cursor(press) ?? "crosshair";
  }

  #closes(vertices: Ring, press: Press): boolean {
    return this.name === "polygon" && vertices.length >= 3 && isNear(vertices[0], press);
  }

  #begin(press: Press): void {
    if (this.#grab.take(press)) {
      this.#state = this.#grab.isBusy ? { name: "grabbing" } : { name: "idle" };
      return;
    }
    const holeOf = press.shift && this.name === "polygon" ? this.#polygonAround(press.at) : null;
    if (!holeOf) this.#bench.select([]);
    if (this.#bench.activeLabel === null) return;
    this.#state = {
      name: "drawing",
      vertices: [press.at],
      pointer: press.at,
      isHeld: true,
      holeOf,
      canClose: false,
    };
  }

  #add(at: Vertex, isHeld: boolean): void {
    if (this.#state.name !== "drawing") return;
    const vertices = [...this.#state.vertices, at];
    this.#state = { ...this.#state, vertices, pointer: at, isHeld, canClose: false };
  }

  #put(points: Ring): void {
    const geometry: Geometry =
      this.name === "polygon"
        ? { kind: "polygon", points, holes: [] }
        : { kind: this.name, points };
    const shape = this.#bench.newShape(this.#bench.newId(), geometry);
    if (!shape) return;
    this.#bench.editor.begin("draw");
    this.#bench.editor.put(shape);
    this.#bench.editor.commit();
    this.#bench.selectFresh(shape.id);
  }

  #cut(id: string, hole: Ring): void {
    const shape = this.#bench.doc.get(id);
    if (shape?.geometry.kind !== "polygon") return;
    const { geometry } = shape;
    const cut: Polygon = { ...geometry, holes: [...geometry.holes, hole] };
    this.#bench.editor.begin("reshape");
    this.#bench.editor.put(reshaped(shape, cut));
    this.#bench.editor.commit();
  }

  #polygonAround(at: Vertex): string | null {
    const [shape, another] = this.#bench.editableSelection();
    if (another || shape?.geometry.kind !== "polygon") return null;
    return isInside([shape.geometry.points], at) ? shape.id : null;
  }
}

const gap = (a: Vertex, b: Vertex): number => Math.hypot(a[0] - b[0], a[1] - b[1]);

function isNear(vertex: Vertex | undefined, { at, reach }: Press): boolean {
  return vertex !== undefined && gap(vertex, at) <= reach;
}
