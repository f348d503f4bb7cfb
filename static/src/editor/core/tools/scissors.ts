import type { Ring, Vertex } from "../geometry.ts";
import { LiveWire, type Pixels } from "../livewire.ts";
import type { Bbox } from "../units.ts";
import type { Workbench } from "../workbench.ts";
import { Grab } from "./grab.ts";
import type { Press, Sketch, Tool } from "./tool.ts";

/** Where to get the picture from; null while it cannot be read. */
export type ReadPixels = (region: Bbox) => Pixels | null;

/** How far a way may lead, in reaches: a wide window when little is shown large. */
const WINDOW = 36;
const WIDEST_PX = 360;

interface State {
  /** All vertices so far; the last is where the wire begins. */
  readonly vertices: Ring;
  /** How many vertices there were before each click, to take clicks back. */
  readonly clicks: readonly number[];
  readonly wire: LiveWire | null;
  readonly way: Ring;
}

/**
 * A polygon that follows edges by itself: click on the outline here and there.
 *
 * With Shift the next piece is a straight line. A click on the first vertex, a second click
 * on the last, or Enter ends it.
 */
export class Scissors implements Tool {
  readonly name = "scissors";
  readonly #bench: Workbench;
  readonly #read: ReadPixels;
  readonly #grab: Grab;
  #state: State | null = null;
  #canClose = false;

  constructor(bench: Workbench, read: ReadPixels) {
    this.#bench = bench;
    this.#read = read;
    this.#grab = new Grab(bench);
  }

  get isBusy(): boolean {
    return this.#state !== null || this.#grab.isBusy;
  }

  get sketch(): Sketch | null {
    if (!this.#state) return null;
    const { vertices, way } = this.#state;
    const geometry = { kind: "polyline", points: [...vertices, ...way] } as const;
    return { name: "draft", geometry, vertices: this.#clicked(), canClose: this.#canClose };
  }

  pointerDown(press: Press): void {
    if (!this.#state) {
      if (this.#grab.take(press) || this.#bench.activeLabel === null) return;
      this.#bench.select([]);
      this.#begin({ vertices: [], clicks: [] }, [press.at], press);
      return;
    }
    this.pointerMove(press);
    const isLast = isNear(this.#state.vertices.at(-1), press);
    if (isLast || this.#canClose) this.finish();
    else this.#begin(this.#state, this.#state.way, press);
  }

  pointerMove(press: Press): void {
    if (this.#grab.isBusy) this.#grab.pull(press);
    const state = this.#state;
    if (!state) return;
    const [first] = state.vertices;
    this.#canClose = state.vertices.length >= 3 && isNear(first, press);
    const to = this.#canClose && first ? first : press.at;
    const isStraight = press.shift || !state.wire?.covers(to);
    this.#state = { ...state, way: isStraight ? [to] : (state.wire?.wayTo(to) ?? [to]) };
  }

  pointerUp(press: Press): void {
    this.pointerMove(press);
    if (this.#grab.isBusy) this.#grab.letGo();
  }

  finish(): void {
    const state = this.#state;
    this.#state = null;
    if (!state) return;
    const points = this.#canClose ? [...state.vertices, ...state.way.slice(0, -1)] : state.vertices;
    this.#canClose = false;
    if (points.length < 3) return;
    const geometry = { kind: "polygon", points, holes: [] } as const;
    const shape = this.#bench.newShape(this.#bench.newId(), geometry);
    if (!shape) return;
    this.#bench.editor.begin("draw");
    this.#bench.editor.put(shape);
    this.#bench.editor.commit();
    this.#bench.selectFresh(shape.id);
  }

  stepBack(): boolean {
    const state = this.#state;
    if (!state) return false;
    const vertices = state.vertices.slice(0, state.clicks.at(-1) ?? 0);
    const last = vertices.at(-1);
    const clicks = state.clicks.slice(0, -1);
    const wire = last ? this.#wireFrom(last, WIDEST_PX / 2) : null;
    this.#state = last ? { vertices, clicks, wire, way: [] } : null;
    return true;
  }

  cancel(): void {
    this.#state = null;
    this.#canClose = false;
    this.#grab.cancel();
  }

  cursor(press: Press): string {
    return this.#grab.cursor(press) ?? "crosshair";
  }

  #begin(before: Pick<State, "vertices" | "clicks">, way: Ring, { at, reach }: Press): void {
    const vertices = [...before.vertices, ...way];
    const clicks = [...before.clicks, before.vertices.length];
    this.#state = { vertices, clicks, wire: this.#wireFrom(at, reach * WINDOW), way: [] };
  }

  #wireFrom(at: Vertex, side: number): LiveWire | null {
    const { width, height } = this.#bench.image;
    const half = Math.min(Math.max(side, 32), Math.max(width, height));
    const region: Bbox = [
      Math.max(Math.floor(at[0] - half), 0),
      Math.max(Math.floor(at[1] - half), 0),
      Math.min(Math.ceil(at[0] + half), width),
      Math.min(Math.ceil(at[1] + half), height),
    ];
    const pixels = this.#read(region);
    return pixels && new LiveWire(pixels, at);
  }

  #clicked(): Ring {
    const { vertices, clicks } = this.#state ?? { vertices: [], clicks: [] };
    const ends = [...clicks.slice(1), vertices.length];
    return ends.map((end) => vertices[end - 1]).filter((vertex) => vertex !== undefined);
  }
}

function isNear(vertex: Vertex | undefined, { at, reach }: Press): boolean {
  return vertex !== undefined && Math.hypot(vertex[0] - at[0], vertex[1] - at[1]) <= reach;
}
