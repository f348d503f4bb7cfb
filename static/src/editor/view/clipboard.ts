import type { Shape } from "../core/document.ts";
import { type AnnotationWire, fromAnnotation, toAnnotation } from "../core/wire.ts";

const STORAGE_KEY = "editor-clipboard";

interface Kept {
  readonly imageId: number;
  readonly projectId: number;
  readonly annotations: readonly AnnotationWire[];
}

/** Copied shapes, for other images of the project too, in whichever tab they are open. */
export class Clipboard {
  readonly #storage: Pick<Storage, "getItem" | "setItem">;

  #kept: Kept | null = null;

  constructor(storage: Pick<Storage, "getItem" | "setItem">) {
    this.#storage = storage;
  }

  copy(imageId: number, projectId: number, shapes: readonly Shape[]): void {
    const kept: Kept = { imageId, projectId, annotations: shapes.map(toAnnotation) };
    this.#kept = null;
    try {
      this.#storage.setItem(STORAGE_KEY, JSON.stringify(kept));
    } catch {
      // Too large for the browser's storage: it can still be pasted in this tab.
      this.#kept = kept;
    }
  }

  /** What was copied in this project, and whether it was copied from this image. */
  paste(
    imageId: number,
    projectId: number,
  ): { readonly shapes: readonly Shape[]; readonly isSameImage: boolean } {
    const kept = this.#read();
    if (kept?.projectId !== projectId) return { shapes: [], isSameImage: false };
    return {
      shapes: kept.annotations.map(fromAnnotation),
      isSameImage: kept.imageId === imageId,
    };
  }

  #read(): Kept | null {
    if (this.#kept) return this.#kept;
    try {
      return JSON.parse(this.#storage.getItem(STORAGE_KEY) ?? "null") as Kept | null;
    } catch {
      return null;
    }
  }
}
