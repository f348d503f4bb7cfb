import type { App } from "./app.ts";

/** Placing corners exactly: carried by a key, pulled to what is near. */
export class Corners {
  readonly #app: App;

  constructor(app: App) {
    this.#app = app;
  }

  /** Take the nearest corner along with the pointer, or put down the one that is carried. */
  carry(): void {
    const { carry, pointer, stage } = this.#app;
    const press = pointer.pressed;
    if (press && (carry?.isBusy || !this.#app.tool()?.isBusy)) carry?.toggle(press);
    stage.repaint("overlay");
  }

  toggleSnapping(): void {
    const { pointer, stage } = this.#app;
    pointer.isSnapping = !pointer.isSnapping;
    this.#app.notice(pointer.isSnapping ? "snappingOn" : "snappingOff");
    stage.repaint("overlay");
  }
}
