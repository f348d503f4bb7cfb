import { box } from "./kinds/box.ts";
import { ellipse, rotatedBox } from "./kinds/framed.ts";
import { mask } from "./kinds/mask.ts";
import { points, polygon, polyline } from "./kinds/path.ts";
import { skeleton } from "./kinds/skeleton.ts";
import { tag } from "./kinds/tag.ts";
import type { Bbox } from "./units.ts";

export type Vertex = readonly [x: number, y: number];
export type Ring = readonly Vertex[];

export interface Box {
  readonly kind: "box";
  readonly bbox: Bbox;
}

export interface RotatedBox {
  readonly kind: "rotated_box";
  readonly center: Vertex;
  readonly size: Vertex;
  /** Degrees clockwise, as seen on the screen, in (-180, 180]. */
  readonly angle: number;
}

export interface Ellipse {
  readonly kind: "ellipse";
  readonly center: Vertex;
  readonly radii: Vertex;
  /** Degrees clockwise, as seen on the screen, in (-180, 180]. */
  readonly angle: number;
}

/** Inside is where a line outwards crosses the rings an odd number of times. */
export interface Polygon {
  readonly kind: "polygon";
  readonly points: Ring;
  readonly holes: readonly Ring[];
}

export interface Polyline {
  readonly kind: "polyline";
  readonly points: Ring;
}

export interface Points {
  readonly kind: "points";
  readonly points: Ring;
}

/** Pixels. Its rectangle lies on the pixel grid and is no larger than it must be. */
export interface Mask {
  readonly kind: "mask";
  /** The rectangle's top left pixel. */
  readonly origin: Vertex;
  /** The rectangle's width and height. */
  readonly size: Vertex;
  /** Lengths of runs, column by column from the top left, off and on in turn, off first. */
  readonly counts: readonly number[];
}

/** COCO's: not labeled, labeled but hidden, seen. */
export type Visibility = 0 | 1 | 2;

/** Joints in the order of their label's skeleton. */
export interface Skeleton {
  readonly kind: "skeleton";
  readonly points: Ring;
  readonly visible: readonly Visibility[];
}

/** Something that is said of the whole image. */
export interface Tag {
  readonly kind: "tag";
  readonly bbox: Bbox;
}

export type Geometry =
  | Skeleton
  | Tag
  | Mask
  | Box
  | RotatedBox
  | Ellipse
  | Polygon
  | Polyline
  | Points;
export type GeometryKind = Geometry["kind"];

/** A place to grab. A minor one makes a new vertex when it is dragged. */
export interface Handle {
  readonly key: string;
  readonly at: Vertex;
  readonly cursor: string;
  readonly isMinor?: boolean;
}

export interface Outline {
  readonly rings: readonly Ring[];
  readonly isClosed: boolean;
}

/** What the editor must know of one kind of shape; everything else is the same for all. */
export interface Kind<G extends Geometry> {
  bounds(geometry: G): Bbox;
  moved(geometry: G, dx: number, dy: number): G;
  /** For drawing and hit-testing. Open rings are lines, single vertices are dots. */
  outline(geometry: G): Outline;
  /** @param reach image pixels that a pointer may miss by, for handles that stand off. */
  handles(geometry: G, reach: number): readonly Handle[];
  /** The geometry with one handle pulled to a place; always from where the drag began. */
  dragged(geometry: G, handle: string, to: Vertex): G;
  /** How far a point misses it, where the outline does not tell. */
  distance?(geometry: G, at: Vertex): number;
  /** Without the vertex of a handle; null where the rest would be no shape. */
  without?(geometry: G, handle: string): G | null;
}

const kinds: { readonly [K in GeometryKind]: Kind<Extract<Geometry, { kind: K }>> } = {
  box,
  rotated_box: rotatedBox,
  ellipse,
  polygon,
  polyline,
  points,
  mask,
  skeleton,
  tag,
};

export function kindOf<G extends Geometry>(geometry: G): Kind<G> {
  return kinds[geometry.kind] as unknown as Kind<G>;
}

export const boundsOf = (geometry: Geometry): Bbox => kindOf(geometry).bounds(geometry);
export const outlineOf = (geometry: Geometry): Outline => kindOf(geometry).outline(geometry);

/** How far a point misses a shape: 0 inside a closed one, else to its nearest line or dot. */
export function distanceTo(geometry: Geometry, at: Vertex): number {
  const own = kindOf(geometry).distance;
  if (own) return own(geometry, at);
  const { rings, isClosed } = outlineOf(geometry);
  if (isClosed && isInside(rings, at)) return 0;
  let nearest = Number.POSITIVE_INFINITY;
  for (const ring of rings) nearest = Math.min(nearest, distanceToRing(ring, at, isClosed));
  return nearest;
}

export function isInside(rings: readonly Ring[], [x, y]: Vertex): boolean {
  let inside = false;
  for (const ring of rings) {
    let [px, py] = ring.at(-1) ?? [0, 0];
    for (const [cx, cy] of ring) {
      if (cy > y !== py > y && x < ((px - cx) * (y - cy)) / (py - cy) + cx) inside = !inside;
      [px, py] = [cx, cy];
    }
  }
  return inside;
}

function distanceToRing(ring: Ring, at: Vertex, isClosed: boolean): number {
  const [first] = ring;
  if (!first) return Number.POSITIVE_INFINITY;
  let previous = isClosed ? (ring.at(-1) ?? first) : first;
  let nearest = Number.POSITIVE_INFINITY;
  for (const vertex of ring) {
    nearest = Math.min(nearest, distanceToSegment(at, previous, vertex));
    previous = vertex;
  }
  return nearest;
}

export function nearestOnSegment([x, y]: Vertex, [ax, ay]: Vertex, [bx, by]: Vertex): Vertex {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : ((x - ax) * dx + (y - ay) * dy) / length;
  const t = Math.min(Math.max(along, 0), 1);
  return [ax + t * dx, ay + t * dy];
}

export function distanceToSegment(at: Vertex, from: Vertex, to: Vertex): number {
  const [x, y] = nearestOnSegment(at, from, to);
  return Math.hypot(at[0] - x, at[1] - y);
}

export function boundsOfRing(ring: Ring): Bbox {
  let [x1, y1, x2, y2] = [
    Number.POSITIVE_INFINITY,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ];
  for (const [x, y] of ring) {
    x1 = Math.min(x1, x);
    y1 = Math.min(y1, y);
    x2 = Math.max(x2, x);
    y2 = Math.max(y2, y);
  }
  return [x1, y1, x2, y2];
}
