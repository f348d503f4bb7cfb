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

/** One path for all: what they share is set once, and overlaps do not add up. */
export function paint(
  ctx: Context,
  camera: Camera,
  geometries: readonly Geometry[],
  color: string,
  pen: Pen,
): void {
  const paths = { areas: new Path2D(), lines: new Path2D(), dots: new Path2D() };
  for (const geometry of geometries) {
    if (geometry.kind === "mask") paintMask(ctx, camera, geometry, color, pen);
    else addTo(paths, camera, geometry, pen);
  }
  if (pen.fill > 0) fill(ctx, paths.areas, paths.dots, color, pen.fill);
  ctx.setLineDash([...(pen.dash ?? [])]);
  for (const path of Object.values(paths)) strokeTwice(ctx, path, color, pen);
  ctx.setLineDash([]);
}

type Paths = Readonly<Record<"areas" | "lines" | "dots", Path2D>>;

function addTo(paths: Paths, camera: Camera, geometry: Geometry, pen: Pen): void {
  if (geometry.kind === "points") traceDots(paths.dots, camera, geometry.points, pen.width + 2);
  else trace(geometry.kind === "polyline" ? paths.lines : paths.areas, camera, geometry);
}

function fill(ctx: Context, areas: Path2D, dots: Path2D, color: string, opacity: number): void {
  ctx.fillStyle = color;
  ctx.fill(dots);
  ctx.globalAlpha = opacity;
  ctx.fill(areas, "evenodd");
  ctx.globalAlpha = 1;
}

function strokeTwice(ctx: Context, path: Path2D, color: string, pen: Pen): void {
  if (pen.isHaloed) {
    ctx.globalAlpha = 0.45;
    ctx.strokeStyle = "black";
    ctx.lineWidth = pen.width + 1.5;
    ctx.stroke(path);
    ctx.globalAlpha = 1;
  }
  ctx.strokeStyle = color;
  ctx.lineWidth = pen.width;
  ctx.stroke(path);
}

function traceDots(path: Path2D, camera: Camera, dots: Ring, radius: number): void {
  for (const [u, v] of dots) {
    const [x, y] = toScreen(camera, imagePoint(u, v));
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, 2 * Math.PI);
  }
}

function trace(path: Path2D, camera: Camera, geometry: Geometry): void {
  if (geometry.kind === "box") {
    const [x, y, width, height] = onScreen(camera, geometry.bbox);
    path.rect(x, y, width, height);
    return;
  }
  const { rings, isClosed } = outlineOf(geometry);
  for (const ring of rings) {
    const [first, ...others] = ring.map(([x, y]) => toScreen(camera, imagePoint(x, y)));
    if (!first) continue;
    path.moveTo(first[0], first[1]);
    for (const [x, y] of others) path.lineTo(x, y);
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
