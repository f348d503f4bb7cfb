/**
 * Numbers that must not be mixed get types that cannot be.
 *
 * An image point is in pixels of the upright image at full size, however it is shown; a
 * screen point is in CSS pixels from the canvas's top left. Only {@link toImage} and
 * {@link toScreen} turn one into the other.
 */
declare const unit: unique symbol;
type In<U extends string> = { readonly [unit]: U };

export type ImagePoint = readonly [x: number, y: number] & In<"image px">;
export type ScreenPoint = readonly [x: number, y: number] & In<"css px">;

/** Left, top, right, bottom in image pixels; left <= right and top <= bottom. */
export type Bbox = readonly [x1: number, y1: number, x2: number, y2: number];

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** What part of the image is shown: its pixel at the canvas's top left, and the scale. */
export interface Camera {
  readonly origin: ImagePoint;
  /** CSS pixels per image pixel; above 0. */
  readonly zoom: number;
}

export const imagePoint = (x: number, y: number) => [x, y] as unknown as ImagePoint;
export const screenPoint = (x: number, y: number) => [x, y] as unknown as ScreenPoint;

export function toImage(camera: Camera, [x, y]: ScreenPoint): ImagePoint {
  return imagePoint(camera.origin[0] + x / camera.zoom, camera.origin[1] + y / camera.zoom);
}

export function toScreen(camera: Camera, [x, y]: ImagePoint): ScreenPoint {
  return screenPoint((x - camera.origin[0]) * camera.zoom, (y - camera.origin[1]) * camera.zoom);
}

/** The box that has these two corners, in any order. */
export function spanning(a: readonly [number, number], b: readonly [number, number]): Bbox {
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])];
}

export function overlaps(a: Bbox, b: Bbox): boolean {
  return a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3];
}

export function encloses(outer: Bbox, inner: Bbox): boolean {
  return (
    outer[0] <= inner[0] && outer[1] <= inner[1] && outer[2] >= inner[2] && outer[3] >= inner[3]
  );
}

export function area([x1, y1, x2, y2]: Bbox): number {
  return (x2 - x1) * (y2 - y1);
}

/** Intersection over union; 0 where both boxes are empty. */
export function iou(a: Bbox, b: Bbox): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (area(a) + area(b) - shared);
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

export function clampToImage(at: readonly [number, number], image: Size): ImagePoint {
  return imagePoint(clamp(at[0], 0, image.width), clamp(at[1], 0, image.height));
}

export function clipped([x1, y1, x2, y2]: Bbox, image: Size): Bbox {
  return [
    clamp(x1, 0, image.width),
    clamp(y1, 0, image.height),
    clamp(x2, 0, image.width),
    clamp(y2, 0, image.height),
  ];
}

/** The box around all boxes; there must be one at least. */
export function boundsOfAll(items: readonly { readonly bbox: Bbox }[]): Bbox {
  return [
    Math.min(...items.map(({ bbox }) => bbox[0])),
    Math.min(...items.map(({ bbox }) => bbox[1])),
    Math.max(...items.map(({ bbox }) => bbox[2])),
    Math.max(...items.map(({ bbox }) => bbox[3])),
  ];
}
