import { toBitmap } from "../core/bitmap.ts";
import { type Geometry, type Mask, outlineOf, type Ring } from "../core/geometry.ts";
import { type Bbox, type Camera, imagePoint, toScreen } from "../core/units.ts";

export type Context = CanvasRenderingContext2D;

export interface Pen {
  readonly width: number;
  /** Opacity of the inside; 0 for none. */
  readonly fill: number;
  readonly dash?: readonly number[];
  readonly isHaloed?: boolean;
}

/**
 * Paint one geometry.
 *
 * Each is stroked by itself: a rasterizer takes ten times as long over one path of ten
 * thousand boxes than over ten thousand boxes.
 */
export function paint(
  ctx: Context,
  camera: Camera,
  geometry: Geometry,
  color: string,
  pen: Pen,
): void {
  if (geometry.kind === "mask") {
    paintMask(ctx, camera, geometry, color, pen);
    return;
  }
  const path = tracer(camera, geometry, pen);
  if (pen.fill > 0 && geometry.kind !== "polyline") {
    ctx.globalAlpha = geometry.kind === "points" || geometry.kind === "skeleton" ? 1 : pen.fill;
    ctx.fillStyle = color;
    path.fill(ctx);
    ctx.globalAlpha = 1;
  }
  ctx.setLineDash([...(pen.dash ?? [])]);
  if (pen.isHaloed) {
    ctx.globalAlpha = 0.45;
    ctx.strokeStyle = "black";
    ctx.lineWidth = pen.width + 1.5;
    path.stroke(ctx);
    ctx.globalAlpha = 1;
  }
  ctx.strokeStyle = color;
  ctx.lineWidth = pen.width;
  path.stroke(ctx);
  ctx.setLineDash([]);
}

interface Tracer {
  fill(ctx: Context): void;
  stroke(ctx: Context): void;
}

function tracer(camera: Camera, geometry: Exclude<Geometry, Mask>, pen: Pen): Tracer {
  if (geometry.kind === "box") {
    const rectangle = onScreen(camera, geometry.bbox);
    return {
      fill: (ctx) => ctx.fillRect(...rectangle),
      stroke: (ctx) => ctx.strokeRect(...rectangle),
    };
  }
  const path = new Path2D();
  if (geometry.kind === "points" || geometry.kind === "skeleton") {
    traceDots(path, camera, outlineOf(geometry).rings.flat(), pen.width + 2);
  } else trace(path, camera, geometry);
  return { fill: (ctx) => ctx.fill(path, "evenodd"), stroke: (ctx) => ctx.stroke(path) };
}

function traceDots(path: Path2D, camera: Camera, dots: Ring, radius: number): void {
  for (const [u, v] of dots) {
    const [x, y] = toScreen(camera, imagePoint(u, v));
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, 2 * Math.PI);
  }
}

/** Vertices nearer than this to the one before are not seen. */
const SEEN_PX = 1.5;

function trace(path: Path2D, camera: Camera, geometry: Geometry): void {
  const { rings, isClosed } = outlineOf(geometry);
  for (const ring of rings) {
    const [first] = ring;
    if (!first) continue;
    let [lastX, lastY] = toScreen(camera, imagePoint(first[0], first[1]));
    path.moveTo(lastX, lastY);
    ring.forEach(([u, v], index) => {
      const [x, y] = toScreen(camera, imagePoint(u, v));
      const isSeen = Math.abs(x - lastX) + Math.abs(y - lastY) >= SEEN_PX;
      if (!isSeen && index < ring.length - 1) return;
      path.lineTo(x, y);
      [lastX, lastY] = [x, y];
    });
    if (isClosed) path.closePath();
  }
}

export function onScreen(camera: Camera, [x1, y1, x2, y2]: Bbox): [number, number, number, number] {
  const [x, y] = toScreen(camera, imagePoint(x1, y1));
  return [x, y, (x2 - x1) * camera.zoom, (y2 - y1) * camera.zoom];
}

const MASK_OPACITY = 0.35;
const tinted = new WeakMap<Mask, { readonly color: string; readonly canvas: OffscreenCanvas }>();

function paintMask(ctx: Context, camera: Camera, mask: Mask, color: string, pen: Pen): void {
  const [x, y] = toScreen(camera, imagePoint(mask.origin[0], mask.origin[1]));
  const [width, height] = mask.size;
  ctx.globalAlpha = MASK_OPACITY + pen.fill;
  ctx.imageSmoothingEnabled = camera.zoom < 1;
  ctx.drawImage(tint(mask, color), x, y, width * camera.zoom, height * camera.zoom);
  ctx.globalAlpha = 1;
}

/** A mask as a picture of one colour, made once for as long as the mask lives. */
function tint(mask: Mask, color: string): OffscreenCanvas {
  const known = tinted.get(mask);
  if (known?.color === color) return known.canvas;
  const { width, height, data } = toBitmap(mask);
  const canvas = new OffscreenCanvas(width, height);
  const ctx = canvas.getContext("2d");
  if (!ctx) return canvas;
  const pixels = new ImageData(width, height);
  data.forEach((value, at) => {
    pixels.data[4 * at + 3] = value * 255;
  });
  ctx.putImageData(pixels, 0, 0);
  ctx.globalCompositeOperation = "source-in";
  ctx.fillStyle = color;
  ctx.fillRect(0, 0, width, height);
  tinted.set(mask, { color, canvas });
  return canvas;
}
