import type { Geometry } from "./geometry.ts";
import type { Bbox } from "./units.ts";

/** One object of the image. A shape is never changed, only replaced. */
export interface Shape {
  readonly id: string;
  readonly labelId: number;
  readonly geometry: Geometry;
  /** The smallest upright box around the geometry. */
  readonly bbox: Bbox;
  readonly source: "human" | "prediction";
  /** What the model gave it, in [0, 1]; null where a person drew it. */
  readonly score: number | null;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly isOccluded: boolean;
  readonly isTruncated: boolean;
  /** Shapes of one group belong together; null for one alone. */
  readonly group: string | null;
  /** Higher ones lie above lower ones. */
  readonly layer: number;
}

export type Doc = ReadonlyMap<string, Shape>;

/** What happened to one shape; undefined is "not there". */
export interface Change {
  readonly before?: Shape;
  readonly after?: Shape;
}

export type Patch = ReadonlyMap<string, Change>;

export function apply(doc: Doc, patch: Patch): Doc {
  const next = new Map(doc);
  for (const [id, { after }] of patch) {
    if (after) next.set(id, after);
    else next.delete(id);
  }
  return next;
}

export function invert(patch: Patch): Patch {
  return new Map(Array.from(patch, ([id, { before, after }]) => [id, change(after, before)]));
}

/** The patch that does `first`, then `second`; shapes that end as they began drop out. */
export function compose(first: Patch, second: Patch): Patch {
  const both = new Map(first);
  for (const [id, { before, after }] of second) {
    const start = first.has(id) ? first.get(id)?.before : before;
    if (start === after) both.delete(id);
    else both.set(id, change(start, after));
  }
  return both;
}

export function change(before: Shape | undefined, after: Shape | undefined): Change {
  return { ...(before && { before }), ...(after && { after }) };
}
