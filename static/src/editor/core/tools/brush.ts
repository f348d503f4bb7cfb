import { toBitmap, toMask, withFill, withStroke } from "../bitmap.ts";
import type { Shape } from "../document.ts";
import type { Mask, Ring } from "../geometry.ts";
import { reshaped, type Workbench } from "../workbench.ts";
import type { Press, Sketch, Tool } from "./tool.ts";

export const MIN_RADIUS = 1;
export const MAX_RADIUS = 400;

/** The brush's radius in image pixels, shared by brush and eraser, kept between images. */
export class BrushSize {
  #radius = 12;

  get radius(): number {
    return this.#radius;
  }

  scale(factor: number): void {
    const next = factor > 1 ? Math.ceil(this.#radius * factor) : Math.floor(this.#radius * factor);
    this.#radius = Math.min(Math.max(next, MIN_RADIUS), MAX_RADIUS);
  }
}

interface Stroke {
  readonly line: Ring;
  readonly isErasing: boolean;
}

/**
 * Paint or erase the selected mask, or paint a new one. A stroke is one undo step.
 *
 * While it is drawn, a stroke is only a thick line; the pixels are made when it ends. Alt
 * turns brush and eraser over; Shift fills what the line goes round.
 */
export class Brush implements Tool {
  readonly name: "brush" | "eraser";
  readonly #bench: Workbench;
  readonly #size: BrushSize;
  #stroke: Stroke | null = null;

  constructor(bench: Workbench, name: "brush" | "eraser", size: BrushSize) {
    this.name = name;
    this.#bench = bench;
    this.#size = size;
  }

  get isBusy(): boolean {
    return this.#stroke !== null;
  }

  get radius(): number {
    return this.#size.radius;
  }

  get sketch(): Sketch | null {
    if (!this.#stroke) return null;
    return { name: "stroke", ...this.#stroke, radius: this.#size.radius };
  }

  pointerDown(press: Press): void {
    const isErasing = (this.name === "eraser") !== press.alt;
    const under = isErasing && !this.#mask() ? this.#bench.shapeAt(press.at, press.reach) : null;
    if (under?.geometry.kind === "mask") this.#bench.select([under.id]);
    const hasSurface = isErasing ? this.#mask() !== null : this.#bench.activeLabel !== null;
    if (hasSurface) this.#stroke = { line: [press.at], isErasing };
  }

  pointerMove(press: Press): void {
    if (!this.#stroke) return;
    const last = this.#stroke.line.at(-1) ?? press.at;
    if (Math.hypot(last[0] - press.at[0], last[1] - press.at[1]) < 0.5) return;
    this.#stroke = { ...this.#stroke, line: [...this.#stroke.line, press.at] };
  }

  pointerUp(press: Press): void {
    this.pointerMove(press);
    const stroke = this.#stroke;
    this.#stroke = null;
    if (!stroke) return;
    const target = this.#mask();
    const mask = this.#painted(target?.geometry ?? null, stroke, press.shift);
    if (target) this.#replace(target.shape, mask);
    else if (mask) this.#put(mask);
  }

  cancel(): void {
    this.#stroke = null;
  }

  cursor(): string {
    return "none";
  }

  #painted(base: Mask | null, { line, isErasing }: Stroke, isFilling: boolean): Mask | null {
    const { image } = this.#bench;
    const bitmap = base && toBitmap(base);
    const stroked = withStroke(bitmap, line, this.#size.radius, isErasing, image);
    return toMask(
      isFilling && line.length > 2 ? withFill(stroked, line, isErasing, image) : stroked,
    );
  }

  #replace(shape: Shape, mask: Mask | null): void {
    this.#bench.editor.begin("paint");
    if (mask) this.#bench.editor.put(reshaped(shape, mask));
    else this.#bench.editor.remove(shape.id);
    this.#bench.editor.commit();
  }

  #put(mask: Mask): void {
    const shape = this.#bench.newShape(this.#bench.newId(), mask);
    if (!shape) return;
    this.#bench.editor.begin("paint");
    this.#bench.editor.put(shape);
    this.#bench.editor.commit();
    this.#bench.selectFresh(shape.id);
  }

  /** The lone selected mask. */
  #mask(): { readonly shape: Shape; readonly geometry: Mask } | null {
    const [shape, another] = this.#bench.editableSelection();
    if (!shape || another || shape.geometry.kind !== "mask") return null;
    return { shape, geometry: shape.geometry };
  }
}
