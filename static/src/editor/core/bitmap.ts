import type { Mask, Ring, Vertex } from "./geometry.ts";
import { isInside } from "./geometry.ts";
import { type Bbox, clipped, type Size } from "./units.ts";

/** A rectangle of pixels, on (1) or off (0), row by row. */
export interface Bitmap {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

const decoded = new WeakMap<Mask, Bitmap>();

export function toBitmap(mask: Mask): Bitmap {
  const known = decoded.get(mask);
  if (known) return known;
  const [left, top] = mask.origin;
  const [width, height] = mask.size;
  const data = new Uint8Array(width * height);
  let at = 0;
  mask.counts.forEach((count, run) => {
    if (run % 2 === 1) {
      for (let pixel = at; pixel < at + count; pixel++) {
        data[(pixel % height) * width + Math.floor(pixel / height)] = 1;
      }
    }
    at += count;
  });
  const bitmap = { left, top, width, height, data };
  decoded.set(mask, bitmap);
  return bitmap;
}

/** The mask of a bitmap's pixels, cut down to them; null where none is on. */
export function toMask(bitmap: Bitmap): Mask | null {
  const bounds = boundsOfPixels(bitmap);
  if (!bounds) return null;
  const [x1, y1, x2, y2] = bounds;
  const counts: number[] = [];
  let last = 0;
  let run = 0;
  for (let x = x1; x < x2; x++) {
    for (let y = y1; y < y2; y++) {
      const value = bitmap.data[y * bitmap.width + x] ?? 0;
      if (value !== last) {
        counts.push(run);
        run = 0;
        last = value;
      }
      run += 1;
    }
  }
  counts.push(run);
  return {
    kind: "mask",
    origin: [bitmap.left + x1, bitmap.top + y1],
    size: [x2 - x1, y2 - y1],
    counts,
  };
}

export function isOn(bitmap: Bitmap, [x, y]: Vertex): boolean {
  const [column, row] = [Math.floor(x) - bitmap.left, Math.floor(y) - bitmap.top];
  if (column < 0 || row < 0 || column >= bitmap.width || row >= bitmap.height) return false;
  return bitmap.data[row * bitmap.width + column] === 1;
}

/** The pixels within a radius of a line, switched on or off. */
export function withStroke(
  base: Bitmap | null,
  line: Ring,
  radius: number,
  isErasing: boolean,
  image: Size,
): Bitmap {
  const bitmap = covering(base, isErasing ? null : around(line, radius, image));
  const [first] = line;
  let from = first ?? [0, 0];
  for (const to of line) {
    paintSegment(bitmap, from, to, radius, isErasing ? 0 : 1);
    from = to;
  }
  return bitmap;
}

/** The pixels whose centres lie inside a ring, switched on or off. */
export function withFill(base: Bitmap | null, ring: Ring, isErasing: boolean, image: Size): Bitmap {
  const bounds = around(ring, 0, image);
  const bitmap = covering(base, isErasing ? null : bounds);
  const [x1, y1, x2, y2] = bounds;
  for (let y = Math.max(y1, bitmap.top); y < Math.min(y2, bitmap.top + bitmap.height); y++) {
    for (let x = Math.max(x1, bitmap.left); x < Math.min(x2, bitmap.left + bitmap.width); x++) {
      if (!isInside([ring], [x + 0.5, y + 0.5])) continue;
      bitmap.data[(y - bitmap.top) * bitmap.width + x - bitmap.left] = isErasing ? 0 : 1;
    }
  }
  return bitmap;
}

function around(line: Ring, radius: number, image: Size): Bbox {
  const xs = line.map(([x]) => x);
  const ys = line.map(([, y]) => y);
  return clipped(
    [
      Math.floor(Math.min(...xs) - radius),
      Math.floor(Math.min(...ys) - radius),
      Math.ceil(Math.max(...xs) + radius),
      Math.ceil(Math.max(...ys) + radius),
    ],
    image,
  );
}

/** A copy of a bitmap that has room for a region as well. */
function covering(base: Bitmap | null, region: Bbox | null): Bitmap {
  const own: Bbox | null = base
    ? [base.left, base.top, base.left + base.width, base.top + base.height]
    : null;
  const [a, b] = [own ?? region ?? [0, 0, 0, 0], region ?? own ?? [0, 0, 0, 0]];
  const [left, top] = [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
  const width = Math.max(a[2], b[2]) - left;
  const height = Math.max(a[3], b[3]) - top;
  const data = new Uint8Array(width * height);
  for (let row = 0; base && row < base.height; row++) {
    const line = base.data.subarray(row * base.width, (row + 1) * base.width);
    data.set(line, (row + base.top - top) * width + base.left - left);
  }
  return { left, top, width, height, data };
}

function paintSegment(
  { left, top, width, height, data }: Bitmap,
  [ax, ay]: Vertex,
  [bx, by]: Vertex,
  radius: number,
  value: 0 | 1,
): void {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy || 1;
  const y1 = Math.max(Math.floor(Math.min(ay, by) - radius), top);
  const y2 = Math.min(Math.ceil(Math.max(ay, by) + radius), top + height);
  const x1 = Math.max(Math.floor(Math.min(ax, bx) - radius), left);
  const x2 = Math.min(Math.ceil(Math.max(ax, bx) + radius), left + width);
  for (let y = y1; y < y2; y++) {
    for (let x = x1; x < x2; x++) {
      const [px, py] = [x + 0.5 - ax, y + 0.5 - ay];
      const t = Math.min(Math.max((px * dx + py * dy) / length, 0), 1);
      const [mx, my] = [px - t * dx, py - t * dy];
      if (mx * mx + my * my <= radius * radius) data[(y - top) * width + x - left] = value;
    }
  }
}

function boundsOfPixels({ width, height, data }: Bitmap): Bbox | null {
  let [x1, y1, x2, y2] = [width, height, 0, 0];
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * width, (y + 1) * width);
    const first = row.indexOf(1);
    if (first < 0) continue;
    x1 = Math.min(x1, first);
    x2 = Math.max(x2, row.lastIndexOf(1) + 1);
    y1 = Math.min(y1, y);
    y2 = y + 1;
  }
  return x2 > x1 ? [x1, y1, x2, y2] : null;
}
