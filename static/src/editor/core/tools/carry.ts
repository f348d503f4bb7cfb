import type { Workbench } from "../workbench.ts";
import { Grab } from "./grab.ts";
import type { Press, Tool } from "./tool.ts";

/**
 * The corner nearest to the pointer, taken by a key and carried without a button held: a
 * click, or the key again, puts it down.
 */
export class Carry implements Tool {
  readonly name = "carry";
  readonly snaps = true;
  readonly sketch = null;
  readonly #bench: Workbench;
  readonly #grab: Grab;

  constructor(bench: Workbench) {
    this.#bench = bench;
    this.#grab = new Grab(bench);
  }

  get isBusy(): boolean {
    return this.#grab.isBusy;
  }

  /** Take the nearest corner of the selected shape, or else of the one under the pointer. */
  toggle(press: Press): void {
    if (this.isBusy) {
      this.#grab.letGo();
      return;
    }
    if (this.#bench.editableSelection().length !== 1) {
      const under = this.#bench.shapeAt(press.at, press.reach);
      if (under) this.#bench.select([under.id]);
    }
    this.#grab.takeNearest(press);
  }

  pointerDown(press: Press): void {
    this.pointerMove(press);
    this.#grab.letGo();
  }

  pointerMove(press: Press): void {
    this.#grab.pull(press);
  }

  pointerUp(): void {}

  cancel(): void {
    this.#grab.cancel();
  }

  finish(): void {
    this.#grab.letGo();
  }

  cursor(): string {
    return "grabbing";
  }
}
