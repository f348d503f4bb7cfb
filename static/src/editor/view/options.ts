import type { GeometryKind } from "../core/geometry.ts";
import type { Journal } from "../sync/journal.ts";
import type { Reviews } from "../sync/reviews.ts";
import type { Adviser, Segmenting, Transport } from "../sync/transport.ts";
import type { Words } from "./messages.ts";
import type { Tiles } from "./tiling.ts";

/** What the editor page is given. */
export interface AppOptions {
  readonly root: HTMLElement;
  readonly words: Words;
  readonly transport: Transport & Adviser & Segmenting;
  readonly journal: Journal;
  readonly tiles: Tiles;
  readonly kinds: readonly GeometryKind[];
  readonly reviews: Reviews;
  readonly mayLabel: boolean;
  readonly mayReview: boolean;
}
