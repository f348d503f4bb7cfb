import { type Geometry, nearestOnSegment, outlineOf, type Vertex } from "./geometry.ts";
import { type Bbox, type ImagePoint, imagePoint, type Size } from "./units.ts";
import type { Workbench } from "./workbench.ts";

/** A line counts as this much farther away, so that a corner near its end wins. */
const LINE_HANDICAP = 2;

type Pull = readonly [to: Vertex, handicap: number];

/**
 * The place that a point near others is meant to be: a corner of another shape, a place on
 * its outline, or the image's border; the point itself where none is within reach.
 *
 * What is selected is in the hand and pulls at nothing. Masks have no corners.
 */
export function snapped(bench: Workbench, at: ImagePoint, reach: number): ImagePoint {
  const around: Bbox = [at[0] - reach, at[1] - reach, at[0] + reach, at[1] + reach];
  const shapes = bench.shapesIn(around).filter(({ id }) => !bench.selection.has(id));
  let [best, least]: [Vertex | null, number] = [null, Number.POSITIVE_INFINITY];
  for (const { geometry } of shapes) {
    for (const [to, handicap] of pullsOf(geometry, at)) {
      const miss = Math.hypot(to[0] - at[0], to[1] - at[1]);
      if (miss <= reach && handicap * miss < least) [best, least] = [to, handicap * miss];
    }
  }
  return best ? imagePoint(best[0], best[1]) : toBorder(at, reach, bench.image);
}

function* pullsOf(geometry: Geometry, at: Vertex): Iterable<Pull> {
  if (geometry.kind === "mask" || geometry.kind === "tag") return;
  const { rings, isClosed } = outlineOf(geometry);
  for (const ring of rings) {
    let before = isClosed ? ring.at(-1) : undefined;
    for (const vertex of ring) {
      yield [vertex, 1];
      if (before) yield [nearestOnSegment(at, before, vertex), LINE_HANDICAP];
      before = vertex;
    }
  }
}

function toBorder([x, y]: ImagePoint, reach: number, { width, height }: Size): ImagePoint {
  const near = (value: number, end: number) => {
    if (value <= reach) return 0;
    return end - value <= reach ? end : value;
  };
  return imagePoint(near(x, width), near(y, height));
}
