import type { Shape } from "./document.ts";
import { boundsOf, type Geometry, type GeometryKind } from "./geometry.ts";
import type { Proposal } from "./proposals.ts";
import type { Bbox } from "./units.ts";
import type { Label } from "./workbench.ts";

/** What the server calls things; nothing past this module does. */
export interface AnnotationWire {
  readonly id: string;
  readonly label_id: number;
  readonly kind: GeometryKind;
  readonly bbox: Bbox;
  /** The rest of the geometry; null or absent where the box says it all. */
  readonly geometry?: Readonly<Record<string, unknown>> | null;
  readonly source: "human" | "prediction";
  readonly score: number | null;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly is_occluded: boolean;
  readonly is_truncated: boolean;
  /** Absent in what earlier visits have left in the journal. */
  readonly group?: string | null;
  readonly layer?: number;
}

export interface PredictionWire {
  readonly id: string;
  readonly label_id: number;
  readonly kind: GeometryKind;
  readonly bbox: Bbox;
  readonly geometry?: Readonly<Record<string, unknown>> | null;
  readonly score: number;
  readonly model: string;
  /** Whether somebody has said that it is wrong. */
  readonly is_rejected?: boolean;
}

export type OperationWire =
  | { readonly op: "put"; readonly annotation: AnnotationWire }
  | { readonly op: "remove"; readonly id: string };

export interface ImageWire {
  readonly id: number;
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly url: string;
  readonly thumbnail_url: string;
  /** Where the tiles of a very large image are; `url` is too large to be drawn then. */
  readonly tiles_url?: string | null;
  readonly state: "unlabeled" | "in_progress" | "submitted";
  /** What a reviewer said of it as it was submitted last; empty where nobody did. */
  readonly review?: "" | "accepted" | "sent_back";
  readonly index: number;
  readonly count: number;
}

export interface DocumentWire {
  readonly image: ImageWire;
  readonly project: { readonly id: number; readonly name: string; readonly guide: string };
  readonly labels: readonly Label[];
  readonly revision: number;
  readonly annotations: readonly AnnotationWire[];
  readonly predictions: readonly PredictionWire[];
  readonly previous_id: number | null;
  readonly next_id: number | null;
}

/** Coordinates are kept to a hundredth of a pixel: finer than any hand, stable as text. */
const DECIMALS = 100;
/** Servers may keep coordinates as single-precision floats. */
const TOLERANCE = 0.02;

export function fromAnnotation(wire: AnnotationWire): Shape {
  const geometry = readGeometry(wire);
  return {
    id: wire.id,
    labelId: wire.label_id,
    geometry,
    bbox: boundsOf(geometry),
    source: wire.source,
    score: wire.score,
    attributes: wire.attributes,
    isOccluded: wire.is_occluded,
    isTruncated: wire.is_truncated,
    group: wire.group ?? null,
    layer: wire.layer ?? 0,
  };
}

export function toAnnotation(shape: Shape): AnnotationWire {
  const { kind, ...rest } = shape.geometry;
  return {
    id: shape.id,
    label_id: shape.labelId,
    kind,
    bbox: rounded(shape.bbox) as Bbox,
    ...(!isBare(kind) && { geometry: rounded(rest) as Record<string, unknown> }),
    source: shape.source,
    score: shape.score,
    attributes: shape.attributes,
    is_occluded: shape.isOccluded,
    is_truncated: shape.isTruncated,
    group: shape.group,
    layer: shape.layer,
  };
}

export function fromPrediction(wire: PredictionWire): Proposal {
  const geometry = readGeometry(wire);
  return {
    id: wire.id,
    labelId: wire.label_id,
    geometry,
    bbox: boundsOf(geometry),
    score: wire.score,
    model: wire.model,
  };
}

/** Whether two shapes say the same, give or take what storing them may round away. */
export function isSame(a: Shape | undefined, b: Shape | undefined): boolean {
  if (a === b) return true;
  if (!a || !b) return false;
  return isAlike(toAnnotation(a), toAnnotation(b));
}

/** Its box says it all. */
const isBare = (kind: GeometryKind): boolean => kind === "box" || kind === "tag";

function readGeometry(wire: Pick<AnnotationWire, "kind" | "bbox" | "geometry">): Geometry {
  if (wire.kind === "tag") return { kind: "tag", bbox: wire.bbox };
  if (wire.kind === "box" || !wire.geometry) return { kind: "box", bbox: wire.bbox };
  return { ...wire.geometry, kind: wire.kind } as unknown as Geometry;
}

function rounded(value: unknown): unknown {
  if (typeof value === "number") return Math.round(value * DECIMALS) / DECIMALS;
  if (Array.isArray(value)) return value.map(rounded);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, rounded(part)]));
}

function isAlike(a: unknown, b: unknown): boolean {
  if (typeof a === "number" && typeof b === "number") return Math.abs(a - b) <= TOLERANCE;
  if (a === b) return true;
  if (!isObject(a) || !isObject(b)) return false;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Array.from(keys).every((key) => isAlike(a[key], b[key]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object";
}
