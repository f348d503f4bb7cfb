import type { Ring, Vertex } from "./geometry.ts";
import { type Bbox, clamp } from "./units.ts";

/** A piece of the picture in grey, row by row; it may be scaled down. */
export interface Pixels {
  /** The region of the image that it shows. */
  readonly region: Bbox;
  readonly width: number;
  readonly height: number;
  readonly gray: Uint8ClampedArray;
}

const DIAGONAL = Math.SQRT2;
/** What a step costs where there is no edge at all; the strongest edge costs 1. */
const FLAT_COST = 12;
const NEIGHBOURS = [
  [-1, -1, DIAGONAL],
  [0, -1, 1],
  [1, -1, DIAGONAL],
  [-1, 0, 1],
  [1, 0, 1],
  [-1, 1, DIAGONAL],
  [0, 1, 1],
  [1, 1, DIAGONAL],
] as const;
/** Costs fall into buckets of this size: a queue that takes constant time. */
const BUCKET = 0.25;
/** Vertices nearer than this to the straight line between their neighbours say nothing. */
const TOLERANCE_PX = 0.8;

/**
 * Intelligent scissors (Mortensen and Barrett, 1995): from a place on an object's edge, the
 * cheapest way to any other place runs along edges.
 *
 * All ways from the seed are found at once, so that the way to the pointer is only read.
 */
export class LiveWire {
  readonly #pixels: Pixels;
  readonly #from: Int32Array;

  constructor(pixels: Pixels, seed: Vertex) {
    this.#pixels = pixels;
    this.#from = cheapestWays(costs(pixels), pixels, this.#indexOf(seed));
  }

  covers([x, y]: Vertex): boolean {
    const [x1, y1, x2, y2] = this.#pixels.region;
    return x >= x1 && x < x2 && y >= y1 && y < y2;
  }

  /** The way from the seed to a place, without the seed; few vertices, in image pixels. */
  wayTo(at: Vertex): Ring {
    const { region, width, height } = this.#pixels;
    const scaleX = (region[2] - region[0]) / width;
    const scaleY = (region[3] - region[1]) / height;
    const way: Vertex[] = [];
    for (let pixel = this.#indexOf(at); pixel >= 0; pixel = this.#from[pixel] ?? -1) {
      const [column, row] = [pixel % width, Math.floor(pixel / width)];
      way.push([region[0] + (column + 0.5) * scaleX, region[1] + (row + 0.5) * scaleY]);
    }
    const simple = simplified(way.toReversed(), TOLERANCE_PX * Math.max(scaleX, scaleY));
    return [...simple.slice(1, -1), at];
  }

  #indexOf([x, y]: Vertex): number {
    const { region, width, height } = this.#pixels;
    const column = Math.floor(((x - region[0]) / (region[2] - region[0])) * width);
    const row = Math.floor(((y - region[1]) / (region[3] - region[1])) * height);
    return clamp(row, 0, height - 1) * width + clamp(column, 0, width - 1);
  }
}

/** Cheap on strong edges: the size of the gradient (Sobel), against the strongest here. */
function costs({ width, height, gray }: Pixels): Float32Array {
  const gradient = gradients(gray, width, height);
  const strongest = gradient.reduce((most, value) => Math.max(most, value), 1);
  return gradient.map((value) => 1 + (FLAT_COST - 1) * (1 - value / strongest) ** 2);
}

function gradients(gray: Uint8ClampedArray, width: number, height: number): Float32Array {
  const found = new Float32Array(width * height);
  for (let row = 1; row < height - 1; row++) {
    for (let column = 1; column < width - 1; column++) {
      const at = row * width + column;
      const near = (dx: number, dy: number) => gray[at + dy * width + dx] ?? 0;
      const right = near(1, -1) + 2 * near(1, 0) + near(1, 1);
      const left = near(-1, -1) + 2 * near(-1, 0) + near(-1, 1);
      const below = near(-1, 1) + 2 * near(0, 1) + near(1, 1);
      const above = near(-1, -1) + 2 * near(0, -1) + near(1, -1);
      found[at] = Math.hypot(right - left, below - above);
    }
  }
  return found;
}

/** Dijkstra's algorithm with buckets; each pixel's predecessor, -1 at the seed. */
function cheapestWays(cost: Float32Array, { width, height }: Pixels, seed: number): Int32Array {
  const from = new Int32Array(cost.length).fill(-1);
  const best = new Float32Array(cost.length).fill(Number.POSITIVE_INFINITY);
  const isDone = new Uint8Array(cost.length);
  const buckets: number[][] = [[seed]];
  best[seed] = 0;
  const reach = (next: number, pixel: number, length: number) => {
    const total = (best[pixel] ?? 0) + length * (cost[next] ?? FLAT_COST);
    if (total >= (best[next] ?? 0)) return;
    best[next] = total;
    from[next] = pixel;
    const bucket = Math.floor(total / BUCKET);
    const members = buckets[bucket];
    if (members) members.push(next);
    else buckets[bucket] = [next];
  };
  const relax = (pixel: number) => {
    isDone[pixel] = 1;
    const [column, row] = [pixel % width, Math.floor(pixel / width)];
    for (const [dx, dy, length] of NEIGHBOURS) {
      const [x, y] = [column + dx, row + dy];
      if (x >= 0 && x < width && y >= 0 && y < height) reach(y * width + x, pixel, length);
    }
  };
  for (let bucket = 0; bucket < buckets.length; bucket++) {
    const members = buckets[bucket] ?? [];
    for (let pixel = members.pop(); pixel !== undefined; pixel = members.pop()) {
      if (!isDone[pixel]) relax(pixel);
    }
  }
  return from;
}

/** Douglas and Peucker's: leave out vertices that lie on the line between others. */
export function simplified(line: Ring, tolerance: number): Ring {
  const [first, last] = [line[0], line.at(-1)];
  if (!first || !last || line.length < 3) return line;
  let [farthest, split] = [0, 0];
  for (let at = 1; at < line.length - 1; at++) {
    const miss = distanceToLine(line[at] ?? first, first, last);
    if (miss > farthest) [farthest, split] = [miss, at];
  }
  if (farthest <= tolerance) return [first, last];
  const before = simplified(line.slice(0, split + 1), tolerance);
  return [...before.slice(0, -1), ...simplified(line.slice(split), tolerance)];
}

function distanceToLine([x, y]: Vertex, [ax, ay]: Vertex, [bx, by]: Vertex): number {
  const length = Math.hypot(bx - ax, by - ay);
  if (length === 0) return Math.hypot(x - ax, y - ay);
  return Math.abs((bx - ax) * (ay - y) - (ax - x) * (by - ay)) / length;
}
