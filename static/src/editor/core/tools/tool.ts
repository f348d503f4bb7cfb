import type { Geometry, Ring } from "../geometry.ts";
import type { Bbox, ImagePoint } from "../units.ts";
import type { Mark, Outline } from "./clickMask.ts";

export interface Press {
  /** Where, already inside the image. */
  readonly at: ImagePoint;
  /** Image pixels that count as touching: a few CSS pixels, more for a finger. */
  readonly reach: number;
  readonly shift: boolean;
  readonly alt: boolean;
}

/** A small state machine. It is told image points only, and changes what it is given. */
export interface Tool {
  readonly name: string;
  /** Something is half done, which Escape would undo and undo must not cut into. */
  readonly isBusy: boolean;
  /** It places corners, which may be pulled to what is near where people want that. */
  readonly snaps?: boolean;
  pointerDown(press: Press): void;
  pointerMove(press: Press): void;
  pointerUp(press: Press): void;
  /** Forget what is half done. */
  cancel(): void;
  /** End a shape of many clicks. */
  finish?(): void;
  /** End it as pixels, where the tool can. */
  finishAsMask?(): void;
  /** Take back the last click of a shape of many clicks; false where there was none. */
  stepBack?(): boolean;
  cursor(press: Press): string;
  /** What to show that is not in the document: a rubber band, a line to the pointer. */
  readonly sketch: Sketch | null;
}

export type Sketch =
  | { readonly name: "band"; readonly bbox: Bbox }
  | {
      readonly name: "draft";
      readonly geometry: Geometry;
      readonly vertices: Ring;
      /** The next click ends the shape. */
      readonly canClose: boolean;
    }
  | {
      /** What a model takes for the object that the marks and the box mean. */
      readonly name: "answer";
      readonly outlines: readonly Outline[];
      readonly marks: readonly Mark[];
      readonly box: Bbox | null;
    }
  | {
      readonly name: "stroke";
      readonly line: Ring;
      /** Image pixels. */
      readonly radius: number;
      readonly isErasing: boolean;
    };
