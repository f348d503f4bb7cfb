import type { Shape } from "../document.ts";
import { type Handle, kindOf } from "../geometry.ts";
import { clampToImage } from "../units.ts";
import { reshaped, type Workbench } from "../workbench.ts";
import type { Press } from "./tool.ts";

/** A handle of the lone selected shape in the hand: every drawing tool can correct, too. */
export class Grab {
  readonly #bench: Workbench;
  #held: { readonly shape: Shape; readonly handle: string } | null = null;

  constructor(bench: Workbench) {
    this.#bench = bench;
  }

  get isBusy(): boolean {
    return this.#held !== null;
  }

  /** True where a handle was there to take; with Alt, its vertex is taken out. */
  take(press: Press): boolean {
    const hit = this.#bench.handleAt(press.at, press.reach);
    if (!hit) return false;
    this.#bench.editor.begin("reshape");
    if (press.alt) this.#takeOut(hit.shape, hit.handle.key);
    else this.#held = { shape: hit.shape, handle: hit.handle.key };
    return true;
  }

  /** Take the handle that is nearest, however far; not one that would make a new vertex. */
  takeNearest({ at }: Press): void {
    const [shape, another] = this.#bench.editableSelection();
    if (!shape || another) return;
    const miss = (handle: Handle) => Math.hypot(handle.at[0] - at[0], handle.at[1] - at[1]);
    const [nearest] = kindOf(shape.geometry)
      .handles(shape.geometry, 0)
      .filter(({ isMinor }) => !isMinor)
      .sort((a, b) => miss(a) - miss(b));
    if (!nearest) return;
    this.#bench.editor.begin("reshape");
    this.#held = { shape, handle: nearest.key };
  }

  pull({ at }: Press): void {
    if (!this.#held) return;
    const { shape, handle } = this.#held;
    const to = clampToImage(at, this.#bench.image);
    this.#bench.editor.put(
      reshaped(shape, kindOf(shape.geometry).dragged(shape.geometry, handle, to)),
    );
  }

  letGo(): void {
    if (!this.#held) return;
    this.#held = null;
    this.#bench.editor.commit();
  }

  cancel(): void {
    if (!this.#held) return;
    this.#held = null;
    this.#bench.editor.cancel();
  }

  cursor({ at, reach }: Press): string | null {
    return this.#bench.handleAt(at, reach)?.handle.cursor ?? null;
  }

  #takeOut(shape: Shape, handle: string): void {
    const rest = kindOf(shape.geometry).without?.(shape.geometry, handle);
    if (rest === null) this.#bench.editor.remove(shape.id);
    else if (rest) this.#bench.editor.put(reshaped(shape, rest));
    this.#bench.editor.commit();
  }
}
