import type { Calibration } from "../core/calibration.ts";
import type { ClickPrompt, Finder, Found, Haste } from "../core/tools/clickMask.ts";
import type { DocumentWire, OperationWire } from "../core/wire.ts";

export type Failure =
  /** The server says no to what was sent; sending it again would not help. */
  | { readonly name: "refused"; readonly detail: string }
  | { readonly name: "gone"; readonly detail: string }
  | { readonly name: "signedOut" }
  | { readonly name: "unreachable"; readonly retryAfterS: number | null };

export type ReadAnswer = { readonly name: "read"; readonly document: DocumentWire } | Failure;

export type SendAnswer =
  | { readonly name: "saved"; readonly revision: number }
  | { readonly name: "conflict" }
  | Failure;

export type SubmitAnswer =
  | { readonly name: "submitted"; readonly nextId: number | null }
  | { readonly name: "reopened" }
  | Failure;

/** The editor's end of the wire. No answer throws: what can happen is in the types. */
export interface Transport {
  read(imageId: number): Promise<ReadAnswer>;
  send(
    imageId: number,
    revision: number,
    key: string,
    operations: readonly OperationWire[],
  ): Promise<SendAnswer>;
  submit(imageId: number): Promise<SubmitAnswer>;
  reopen(imageId: number): Promise<SubmitAnswer>;
}

/** The darkest and the lightest value of an image with more of them than a screen shows. */
export interface LevelRange {
  readonly low: number;
  readonly high: number;
}

/** How the tiles of a very large image stand. */
export interface TilingWire {
  readonly state: "cutting" | "ready" | "failed";
  readonly percent: number;
  readonly detail: string;
  readonly tile_px: number;
  /** Width and height of each, the smallest first. */
  readonly levels: readonly (readonly [number, number])[];
}

/** What is said and asked beside the work; none of it could be lost. */
export interface Adviser {
  /** Null for an image of 8 bits a channel, and where it cannot be had. */
  levels(imageId: number): Promise<LevelRange | null>;
  /** Null where it cannot be had now. */
  tiling(imageId: number): Promise<TilingWire | null>;
  /** Say that proposals are wrong; false where the server may not have heard it. */
  reject(imageId: number, ids: readonly string[]): Promise<boolean>;
  /** How often proposals of a score have turned out right; null where it cannot be had. */
  calibration(projectId: number): Promise<Calibration | null>;
}

export type SegmentAnswer = { readonly name: "segmented"; readonly found: Found } | Failure;

/** Who finds the object that clicks and a box mean. */
export interface Segmenting {
  segment(imageId: number, prompt: ClickPrompt, by: Finder, haste: Haste): Promise<SegmentAnswer>;
}
