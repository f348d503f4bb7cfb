import { pickProposal } from "../commands.ts";
import type { Shape } from "../document.ts";
import { type Bbox, type ImagePoint, spanning } from "../units.ts";
import { allowedShift, moved, type Workbench } from "../workbench.ts";
import { Grab } from "./grab.ts";
import type { Press, Sketch, Tool } from "./tool.ts";

type State =
  | { readonly name: "idle" }
  | { readonly name: "grabbing" }
  | { readonly name: "pressing"; readonly from: ImagePoint }
  | { readonly name: "moving"; readonly from: ImagePoint; readonly shapes: readonly Shape[] }
  | { readonly name: "banding"; readonly from: ImagePoint; readonly bbox: Bbox };

/** Click to select, drag to move, pull a handle to reshape, drag on nothing for many. */
export class Select implements Tool {
  readonly name = "select";
  readonly #bench: Workbench;
  readonly #grab: Grab;
  #state: State = { name: "idle" };

  constructor(bench: Workbench) {
    this.#bench = bench;
    this.#grab = new Grab(bench);
  }

  get isBusy(): boolean {
    return this.#state.name !== "idle";
  }

  get snaps(): boolean {
    return this.#grab.isBusy;
  }

  get sketch(): Sketch | null {
    return this.#state.name === "banding" ? { name: "band", bbox: this.#state.bbox } : null;
  }

  pointerDown(press: Press): void {
    if (this.#grab.take(press)) {
      this.#state = this.#grab.isBusy ? { name: "grabbing" } : { name: "idle" };
      return;
    }
    const hit = this.#bench.shapeAt(press.at, press.reach);
    if (hit) this.#pick(hit.id, press);
    else this.#pickNothing(press);
  }

  pointerMove(press: Press): void {
    const state = this.#state;
    if (state.name === "grabbing") this.#grab.pull(press);
    if (state.name === "banding") {
      this.#state = { ...state, bbox: spanning(state.from, press.at) };
      this.#bench.hover(null);
    }
    if (state.name === "pressing" && isBeyond(state.from, press)) this.#startMoving(state.from);
    if (this.#state.name === "moving") this.#move(this.#state, press.at);
    if (state.name === "idle") {
      this.#bench.hover(this.#bench.shapeAt(press.at, press.reach)?.id ?? null);
    }
  }

  pointerUp(press: Press): void {
    this.pointerMove(press);
    const state = this.#state;
    this.#state = { name: "idle" };
    if (state.name === "grabbing") this.#grab.letGo();
    if (state.name === "moving") this.#bench.editor.commit();
    if (state.name === "banding") {
      const inside = this.#bench
        .shapesWithin(state.bbox)
        .map(({ id }) => id)
        .filter((id) => !this.#bench.isLocked(id));
      const all = [...(press.shift ? this.#bench.selection : []), ...inside];
      this.#bench.select(this.#bench.withGroups(all));
    }
  }

  cancel(): void {
    const { name } = this.#state;
    this.#state = { name: "idle" };
    if (name === "grabbing") this.#grab.cancel();
    if (name === "moving") this.#bench.editor.cancel();
  }

  cursor(press: Press): string {
    const grip = this.#grab.cursor(press);
    if (grip) return grip;
    return this.#bench.shapeAt(press.at, press.reach) ? "move" : "default";
  }

  #pick(id: string, { at, shift, alt }: Press): void {
    const { selection } = this.#bench;
    if (shift) {
      const meant = this.#bench.withGroups([id]);
      const others = Array.from(selection).filter((other) => !meant.includes(other));
      this.#bench.select(selection.has(id) ? others : [...selection, ...meant]);
      return;
    }
    // With Alt, one of a group is had alone.
    if (!selection.has(id)) this.#bench.select(alt ? [id] : this.#bench.withGroups([id]));
    this.#bench.proposals.focus(null);
    this.#state = { name: "pressing", from: at };
  }

  #pickNothing({ at, reach, shift }: Press): void {
    if (!shift) this.#bench.select([]);
    const isPicked = pickProposal(this.#bench, at, reach);
    if (!isPicked) this.#state = { name: "banding", from: at, bbox: spanning(at, at) };
  }

  #startMoving(from: ImagePoint): void {
    const shapes = this.#bench.editableSelection();
    this.#bench.editor.begin("move");
    this.#state = { name: "moving", from, shapes };
  }

  #move({ from, shapes }: { from: ImagePoint; shapes: readonly Shape[] }, at: ImagePoint): void {
    const [dx, dy] = allowedShift(shapes, this.#bench.image, at[0] - from[0], at[1] - from[1]);
    this.#bench.editor.put(...shapes.map((shape) => moved(shape, dx, dy)));
  }
}

/** Far enough from the press to be a drag and not a trembling click. */
function isBeyond(from: ImagePoint, { at, reach }: Press): boolean {
  return Math.hypot(at[0] - from[0], at[1] - from[1]) > reach / 2;
}
