import { acceptOne } from "../commands.ts";
import { type Bbox, type ImagePoint, spanning } from "../units.ts";
import type { Workbench } from "../workbench.ts";
import type { Press, Sketch, Tool } from "./tool.ts";

/** Narrower than this many image pixels it was a slip. */
const MIN_SIDE = 2;

/**
 * One label, one button, no drag: a click does the likeliest thing.
 *
 * On a proposal or a dot of the label it is accepted, on an accepted one that is taken back,
 * elsewhere two clicks are two corners of a box.
 */
export class JustClick implements Tool {
  readonly name = "justClick";
  readonly #bench: Workbench;
  #corner: ImagePoint | null = null;
  #pointer: ImagePoint | null = null;

  constructor(bench: Workbench) {
    this.#bench = bench;
  }

  get isBusy(): boolean {
    return this.#corner !== null;
  }

  get sketch(): Sketch | null {
    if (!this.#corner || !this.#pointer) return null;
    return { name: "band", bbox: spanning(this.#corner, this.#pointer) };
  }

  pointerDown(press: Press): void {
    if (this.#corner) this.#draw(spanning(this.#corner, press.at));
    else if (!this.#judge(press)) {
      this.#corner = press.at;
      this.#pointer = press.at;
    }
  }

  pointerMove({ at }: Press): void {
    this.#pointer = at;
  }

  pointerUp(press: Press): void {
    this.pointerMove(press);
  }

  cancel(): void {
    this.#corner = null;
  }

  cursor(): string {
    return "crosshair";
  }

  #judge({ at, reach }: Press): boolean {
    const { proposals, activeLabel, doc, editor } = this.#bench;
    const proposal = proposals.at(at, reach) ?? proposals.candidateAt(at, reach);
    if (proposal?.labelId === activeLabel) {
      acceptOne(this.#bench, proposal);
      return true;
    }
    const drawn = this.#bench.shapeAt(at, reach);
    const isAccepted = drawn?.source === "prediction" && drawn.labelId === activeLabel;
    if (!drawn || !isAccepted || !doc.has(drawn.id)) return false;
    editor.begin("remove");
    editor.remove(drawn.id);
    editor.commit();
    return true;
  }

  #draw(bbox: Bbox): void {
    this.#corner = null;
    if (Math.min(bbox[2] - bbox[0], bbox[3] - bbox[1]) < MIN_SIDE) return;
    const shape = this.#bench.newShape(this.#bench.newId(), { kind: "box", bbox });
    if (!shape) return;
    this.#bench.editor.begin("draw");
    this.#bench.editor.put(shape);
    this.#bench.editor.commit();
    this.#bench.selectFresh(shape.id);
  }
}
