import * as edit from "../core/commands.ts";
import type { App } from "./app.ts";
import { Clipboard } from "./clipboard.ts";

export const PASTE_OFFSET_PX = 12;

/** Taking shapes along to other images, or twice onto this one. */
export class Copying {
  readonly #app: App;
  readonly #clipboard = new Clipboard(localStorage);

  constructor(app: App) {
    this.#app = app;
  }

  copy(): void {
    const shapes = this.#app.bench?.selectedShapes() ?? [];
    const read = this.#app.read;
    if (!read || shapes.length === 0) return;
    this.#clipboard.copy(read.image.id, read.project.id, shapes);
    this.#app.notice("copied", { count: shapes.length });
  }

  paste(): void {
    const read = this.#app.read;
    if (!read) return;
    const { shapes, isSameImage } = this.#clipboard.paste(read.image.id, read.project.id);
    this.#app.onBench((bench) => edit.paste(bench, shapes, isSameImage ? PASTE_OFFSET_PX : 0));
  }
}
