import type { Doc, Shape } from "./document.ts";
import { distanceTo, type Geometry, type Vertex } from "./geometry.ts";
import { type Bbox, iou, overlaps } from "./units.ts";

/** What a model would draw. It becomes a shape when a person accepts it. */
export interface Proposal {
  readonly id: string;
  readonly labelId: number;
  readonly geometry: Geometry;
  readonly bbox: Bbox;
  readonly score: number;
  /** The model's name and revision. */
  readonly model: string;
}

/** A proposal that a drawn shape of its label covers this well has nothing to add. */
const COVERED_IOU = 0.7;
/** A drawn box and a proposal that overlap this much may mean the same object. */
const SNAP_IOU = 0.3;
const SAME_LABEL_BONUS = 0.2;
export const DEFAULT_THRESHOLD = 0.5;

interface Surroundings {
  readonly doc: Doc;
  shapesIn(region: Bbox): readonly Shape[];
}

/**
 * The layer of proposals over a document.
 *
 * An accepted proposal is a shape of the same id, so accepting twice (in two tabs, or by
 * two people) is accepting once, and undoing it offers the proposal again.
 */
export class Proposals {
  readonly all: readonly Proposal[];
  readonly #around: Surroundings;
  readonly #changed: () => void;
  #threshold = DEFAULT_THRESHOLD;
  #dismissed: ReadonlySet<string> = new Set();
  #focused: string | null = null;
  #open: readonly Proposal[] | null = null;
  #candidates: readonly Proposal[] | null = null;

  constructor(all: readonly Proposal[], around: Surroundings, changed: () => void) {
    this.all = all.toSorted((a, b) => b.score - a.score);
    this.#around = around;
    this.#changed = changed;
  }

  get threshold(): number {
    return this.#threshold;
  }

  get dismissed(): ReadonlySet<string> {
    return this.#dismissed;
  }

  /** Those still to be judged, at or above the threshold, best first. */
  get open(): readonly Proposal[] {
    this.#open ??= this.all.filter((one) => one.score >= this.#threshold && this.#isOpen(one));
    return this.#open;
  }

  /** Those below the threshold: shown as dots, because one of them may be a miss. */
  get candidates(): readonly Proposal[] {
    this.#candidates ??= this.all.filter((one) => one.score < this.#threshold && this.#isOpen(one));
    return this.#candidates;
  }

  /** The one that the keys act on; it moves on when that one is judged. */
  get focused(): Proposal | null {
    return this.open.find(({ id }) => id === this.#focused) ?? null;
  }

  setThreshold(threshold: number): void {
    this.#threshold = threshold;
    this.refresh();
  }

  dismiss(ids: Iterable<string>): void {
    this.#dismissed = new Set([...this.#dismissed, ...ids]);
    this.refresh();
  }

  focus(id: string | null): void {
    this.#focused = id;
    this.#changed();
  }

  /** Judge anew what is open; to be called when the document has changed. */
  refresh(): void {
    this.#open = null;
    this.#candidates = null;
    this.#changed();
  }

  at(point: Vertex, reach: number): Proposal | null {
    const hits = this.open.filter(({ geometry }) => distanceTo(geometry, point) <= reach);
    return hits.reduce<Proposal | null>(
      (best, one) => (best && size(best) <= size(one) ? best : one),
      null,
    );
  }

  candidateAt([x, y]: Vertex, reach: number): Proposal | null {
    const miss = ({ bbox: [x1, y1, x2, y2] }: Proposal) =>
      Math.hypot((x1 + x2) / 2 - x, (y1 + y2) / 2 - y);
    const [nearest] = this.candidates.toSorted((a, b) => miss(a) - miss(b));
    return nearest && miss(nearest) <= reach ? nearest : null;
  }

  /** Which proposal a loosely drawn box means, whatever its score; its label counts. */
  bestFor(shape: Shape): Proposal | null {
    const likeness = (one: Proposal) =>
      iou(one.bbox, shape.bbox) + (one.labelId === shape.labelId ? SAME_LABEL_BONUS : 0);
    const usable = this.all.filter((one) => iou(one.bbox, shape.bbox) >= SNAP_IOU);
    return usable.reduce<Proposal | null>(
      (best, one) => (best && likeness(best) >= likeness(one) ? best : one),
      null,
    );
  }

  in(region: Bbox): Proposal[] {
    return this.open.filter(({ bbox }) => overlaps(bbox, region));
  }

  #isOpen(one: Proposal): boolean {
    if (this.#dismissed.has(one.id) || this.#around.doc.has(one.id)) return false;
    return !this.#around
      .shapesIn(one.bbox)
      .some(({ labelId, bbox }) => labelId === one.labelId && iou(bbox, one.bbox) >= COVERED_IOU);
  }
}

const size = ({ bbox: [x1, y1, x2, y2] }: Proposal) => (x2 - x1) * (y2 - y1);

export function toShape({ model: _, ...rest }: Proposal): Shape {
  return {
    ...rest,
    source: "prediction",
    attributes: {},
    isOccluded: false,
    isTruncated: false,
    group: null,
    layer: 0,
  };
}
