import { visibleRegion } from "../core/camera.ts";
import type { Shape } from "../core/document.ts";
import { type Geometry, kindOf, outlineOf, type Ring, type Vertex } from "../core/geometry.ts";
import type { Proposal } from "../core/proposals.ts";
import type { Sketch } from "../core/tools/tool.ts";
import {
  type Bbox,
  type Camera,
  imagePoint,
  type ScreenPoint,
  type Size,
  toScreen,
} from "../core/units.ts";
import type { Workbench } from "../core/workbench.ts";
import { inkOn, type Palette } from "./palette.ts";
import { type Context, onScreen, type Pen, paint } from "./pen.ts";
import type { TiledPicture } from "./tiledPicture.ts";

/** All that a frame shows. Painting reads it and keeps nothing. */
export interface Scene {
  readonly bench: Workbench;
  readonly camera: Camera;
  readonly view: Size;
  readonly palette: Palette;
  readonly areProposalsShown: boolean;
}

export interface OverlayScene extends Scene {
  readonly sketch: Sketch | null;
  /** Where the crosshair stands; null where none is shown. */
  readonly crosshair: ScreenPoint | null;
  /** The ring of a brush at the pointer. */
  readonly brush: { readonly at: ScreenPoint; readonly radius: number } | null;
  /** Image pixels that a pointer may miss a handle by. */
  readonly reach: number;
}

/** A shape with no side of this many CSS pixels is shown by its box. */
const BOX_BELOW_PX = 10;
const CANDIDATE_PX = 4;
/** More shapes than this in sight, and each gets less: no halo, no name. */
const CROWD = 1500;
const NAMES_UP_TO = 250;
const NAME_MIN_PX = 36;
const HANDLE_PX = 8;
const SMOOTH_BELOW = 3;

/** A picture that a browser draws whole, or one of which it has some tiles. */
export type Picture = CanvasImageSource | TiledPicture;

export const isTiled = (picture: Picture | null): picture is TiledPicture =>
  picture !== null && "drawOn" in picture;

export function drawImage(
  ctx: Context,
  picture: Picture | null,
  image: Size,
  { camera, view }: Pick<Scene, "camera" | "view">,
  pixelRatio: number,
): void {
  ctx.clearRect(0, 0, view.width, view.height);
  if (!picture) return;
  // From three screen pixels an image pixel on, people judge pixels: show them as they are.
  ctx.imageSmoothingEnabled = camera.zoom * pixelRatio < SMOOTH_BELOW;
  ctx.imageSmoothingQuality = "medium";
  if (isTiled(picture)) {
    picture.drawOn(ctx, { camera, view }, pixelRatio);
    return;
  }
  const [x1, y1, x2, y2] = visibleRegion(camera, view);
  const left = Math.max(0, Math.floor(x1));
  const top = Math.max(0, Math.floor(y1));
  const width = Math.min(image.width, Math.ceil(x2)) - left;
  const height = Math.min(image.height, Math.ceil(y2)) - top;
  if (width <= 0 || height <= 0) return;
  const [x, y] = toScreen(camera, imagePoint(left, top));
  const { zoom } = camera;
  ctx.drawImage(picture, left, top, width, height, x, y, width * zoom, height * zoom);
}

/**
 * Paint the shapes and the proposals, one after another.
 *
 * @returns steps to be taken one by one; each gives what it has cost, in boxes, so that a
 *   crowd can be painted over several frames while the page stays at hand.
 */
export function* drawShapes(ctx: Context, scene: Scene): Generator<number> {
  const { bench, camera, view, palette } = scene;
  ctx.clearRect(0, 0, view.width, view.height);
  const region = visibleRegion(camera, view);
  const shapes = bench.shapesIn(region).filter(({ id }) => !bench.selection.has(id));
  const pen = shapes.length > CROWD ? CROWDED : PLAIN;
  for (const shape of shapes) {
    const geometry = levelOfDetail(shape, camera);
    paint(ctx, camera, geometry, palette.label(shape.labelId), pen);
    drawBones(ctx, scene, shape, pen);
    yield costOf(geometry, pen, scene);
  }
  if (shapes.length <= NAMES_UP_TO) {
    for (const shape of shapes) drawName(ctx, scene, shape, nameOf(scene, shape.labelId));
  }
  if (scene.areProposalsShown) yield* drawProposals(ctx, scene, region);
}

const PLAIN: Pen = { width: 1.5, fill: 0.1, isHaloed: true };
const CROWDED: Pen = { width: 1.5, fill: 0 };
const PROPOSED: Pen = { width: 1.5, fill: 0, dash: [5, 4], isHaloed: true };
const PROPOSED_IN_CROWD: Pen = { width: 1.5, fill: 0, dash: [5, 4] };

/** Too small to show what it is: its box stands for it. */
function levelOfDetail({ geometry, bbox }: Shape, camera: Camera): Geometry {
  const [x1, y1, x2, y2] = bbox;
  const side = Math.max(x2 - x1, y2 - y1) * camera.zoom;
  const isPlain = geometry.kind === "box" || geometry.kind === "points" || side >= BOX_BELOW_PX;
  return isPlain ? geometry : { kind: "box", bbox };
}

/** Measured: what a vertex and a pixel of a mask take, next to a stroked box. */
const COST_OF_VERTEX = 3;
const COST_OF_PIXEL = 1 / 400;

function costOf(geometry: Geometry, pen: Pen, scene: Scene): number {
  const strokes = 1 + Number(!!pen.isHaloed) + Number(pen.fill > 0);
  if (geometry.kind === "box") return strokes;
  if (geometry.kind === "mask") {
    const shown = geometry.size[0] * geometry.size[1] * scene.camera.zoom ** 2;
    return COST_OF_PIXEL * Math.min(shown, scene.view.width * scene.view.height);
  }
  const { rings } = outlineOf(geometry);
  return COST_OF_VERTEX * strokes * rings.reduce((sum, ring) => sum + ring.length, 0);
}

export function drawOverlay(ctx: Context, scene: OverlayScene): void {
  const { bench, camera, view, palette } = scene;
  ctx.clearRect(0, 0, view.width, view.height);
  if (scene.crosshair) drawCrosshair(ctx, scene.crosshair, view);
  const hovered = bench.hovered ? bench.doc.get(bench.hovered) : undefined;
  if (hovered && !bench.selection.has(hovered.id)) {
    paint(ctx, camera, hovered.geometry, palette.label(hovered.labelId), HOVERED);
  }
  drawSelection(ctx, scene);
  const { focused } = bench.proposals;
  if (focused && scene.areProposalsShown) {
    paint(ctx, camera, focused.geometry, palette.label(focused.labelId), HOVERED);
  }
  if (scene.sketch) drawSketch(ctx, scene, scene.sketch);
  if (scene.brush) drawBrush(ctx, scene.brush.at, scene.brush.radius * camera.zoom);
}

function drawSelection(ctx: Context, scene: OverlayScene): void {
  const { bench, camera, palette } = scene;
  const selected = bench.selectedShapes().filter(({ id }) => !bench.isHidden(id));
  const hasNames = selected.length <= NAMES_UP_TO;
  for (const shape of selected) {
    paint(ctx, camera, shape.geometry, palette.label(shape.labelId), SELECTED);
    drawBones(ctx, scene, shape, SELECTED);
    if (hasNames) drawName(ctx, scene, shape, nameOf(scene, shape.labelId));
  }
  const [only, another] = selected;
  if (only && !another && !bench.isLocked(only.id)) drawHandles(ctx, scene, only);
}

const ANSWER: Pen = { width: 2, fill: 0.3, isHaloed: true };
const MARK_PX = 5;
const HOVERED: Pen = { width: 3, fill: 0.22 };
const SELECTED: Pen = { width: 2, fill: 0.22 };

/** The edges of a skeleton between joints that are there; dashed to a hidden one. */
function drawBones(ctx: Context, { bench, camera, palette }: Scene, shape: Shape, pen: Pen): void {
  const { geometry } = shape;
  if (geometry.kind !== "skeleton") return;
  const { points, visible } = geometry;
  for (const [from, to] of bench.labelOf(shape)?.skeleton?.edges ?? []) {
    const [a, b] = [points[from], points[to]];
    if (!a || !b || !visible[from] || !visible[to]) continue;
    const isHidden = visible[from] === 1 || visible[to] === 1;
    const bone: Geometry = { kind: "polyline", points: [a, b] };
    const dash = isHidden ? { dash: [3, 3] } : {};
    paint(ctx, camera, bone, palette.label(shape.labelId), { ...pen, fill: 0, ...dash });
  }
}

function* drawProposals(ctx: Context, scene: Scene, region: Bbox): Generator<number> {
  const { bench, camera, palette } = scene;
  const { focused } = bench.proposals;
  const shown = bench.proposals.in(region);
  const pen = shown.length > CROWD ? PROPOSED_IN_CROWD : PROPOSED;
  for (const one of shown) {
    if (one !== focused) paint(ctx, camera, one.geometry, palette.label(one.labelId), pen);
    yield 2 * costOf(one.geometry, pen, scene);
  }
  for (const one of bench.proposals.candidates) {
    drawCandidate(ctx, camera, one, palette.label(one.labelId));
    yield 4;
  }
  if (shown.length > NAMES_UP_TO) return;
  for (const one of shown) {
    drawName(ctx, scene, one, `${nameOf(scene, one.labelId)} ${percent(one.score)}`, true);
  }
}

function drawCandidate(ctx: Context, camera: Camera, { bbox }: Proposal, color: string): void {
  const [x, y] = toScreen(camera, imagePoint((bbox[0] + bbox[2]) / 2, (bbox[1] + bbox[3]) / 2));
  ctx.beginPath();
  ctx.arc(x, y, CANDIDATE_PX, 0, 2 * Math.PI);
  ctx.fillStyle = color;
  ctx.fill();
  ctx.strokeStyle = "rgb(255 255 255 / 0.85)";
  ctx.lineWidth = 1.5;
  ctx.stroke();
}

export const percent = (score: number): string => `${Math.round(score * 100)} %`;

function drawName(
  ctx: Context,
  { camera, palette, bench }: Scene,
  shape: Pick<Shape | Proposal, "bbox" | "labelId" | "id" | "geometry">,
  text: string,
  isProposal = false,
): void {
  const [x, y, width, height] = onScreen(camera, shape.bbox);
  if (shape.geometry.kind === "tag") return;
  const isRoomy = width >= NAME_MIN_PX && height >= NAME_MIN_PX / 3;
  if (!isRoomy && !bench.selection.has(shape.id)) return;
  const color = palette.label(shape.labelId);
  ctx.font = `500 11px ${palette.font}`;
  ctx.textBaseline = "middle";
  const wide = ctx.measureText(text).width + 8;
  const top = y >= 16 ? y - 16 : y;
  // A proposal's name is of its colour, an object's stands on it: told apart at a glance.
  ctx.fillStyle = isProposal ? "rgb(0 0 0 / 0.7)" : color;
  ctx.fillRect(x - 0.75, top, wide, 16);
  ctx.fillStyle = isProposal ? "white" : inkOn(color);
  ctx.fillText(text, x + 3.25, top + 8.5);
  if (!isProposal) return;
  ctx.fillStyle = color;
  ctx.fillRect(x - 0.75, top, 2, 16);
}

function drawHandles(ctx: Context, { camera, palette, reach }: OverlayScene, shape: Shape): void {
  for (const { at, isMinor } of kindOf(shape.geometry).handles(shape.geometry, reach)) {
    const [x, y] = toScreen(camera, imagePoint(at[0], at[1]));
    const side = isMinor ? HANDLE_PX / 2 : HANDLE_PX;
    ctx.fillStyle = "white";
    ctx.strokeStyle = palette.accent;
    ctx.lineWidth = 1.5;
    ctx.fillRect(x - side / 2, y - side / 2, side, side);
    ctx.strokeRect(x - side / 2, y - side / 2, side, side);
  }
}

function drawSketch(ctx: Context, scene: OverlayScene, sketch: Sketch): void {
  const { camera, palette } = scene;
  if (sketch.name === "band") {
    const band: Geometry = { kind: "box", bbox: sketch.bbox };
    paint(ctx, camera, band, palette.accent, { width: 1, fill: 0.12, dash: [4, 3] });
  } else if (sketch.name === "draft") drawDraft(ctx, scene, sketch);
  else if (sketch.name === "answer") drawAnswer(ctx, scene, sketch);
  else drawStroke(ctx, camera, palette, sketch);
}

type Said = Extract<Sketch, { name: "answer" }>;

/** The largest part is what Enter takes; the others are shown as what they are, others. */
function drawAnswer(ctx: Context, { bench, camera, palette }: OverlayScene, said: Said): void {
  const color = bench.activeLabel === null ? palette.accent : palette.label(bench.activeLabel);
  said.outlines.forEach(({ points, holes }, index) => {
    const part: Geometry = { kind: "polygon", points, holes };
    const pen = index === 0 ? ANSWER : { ...ANSWER, fill: 0, dash: [3, 3] };
    paint(ctx, camera, part, color, pen);
  });
  if (said.box) {
    const band: Geometry = { kind: "box", bbox: said.box };
    paint(ctx, camera, band, palette.accent, { width: 1, fill: 0, dash: [4, 3] });
  }
  for (const [u, v, isOn] of said.marks) {
    const [x, y] = toScreen(camera, imagePoint(u, v));
    ctx.beginPath();
    ctx.arc(x, y, MARK_PX, 0, 2 * Math.PI);
    ctx.fillStyle = isOn ? "#16a34a" : "#dc2626";
    ctx.fill();
    ctx.strokeStyle = "white";
    ctx.lineWidth = 1.5;
    ctx.moveTo(x - 2.5, y);
    ctx.lineTo(x + 2.5, y);
    if (isOn) {
      ctx.moveTo(x, y - 2.5);
      ctx.lineTo(x, y + 2.5);
    }
    ctx.stroke();
  }
}

type Draft = Extract<Sketch, { name: "draft" }>;

function drawDraft(ctx: Context, { bench, camera, palette }: OverlayScene, draft: Draft): void {
  const color = bench.activeLabel === null ? palette.accent : palette.label(bench.activeLabel);
  paint(ctx, camera, draft.geometry, color, { width: 2, fill: 0.1, isHaloed: true });
  const [first] = draft.vertices;
  for (const vertex of draft.vertices) {
    drawDot(ctx, camera, palette, vertex, draft.canClose && vertex === first ? 7 : 3);
  }
}

function drawDot(ctx: Context, camera: Camera, palette: Palette, [u, v]: Vertex, radius: number) {
  const [x, y] = toScreen(camera, imagePoint(u, v));
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.fillStyle = "white";
  ctx.strokeStyle = palette.accent;
  ctx.lineWidth = 1.5;
  ctx.fill();
  ctx.stroke();
}

function drawStroke(
  ctx: Context,
  camera: Camera,
  palette: Palette,
  { line, radius, isErasing }: { line: Ring; radius: number; isErasing: boolean },
): void {
  ctx.beginPath();
  for (const [u, v] of [line[0] ?? [0, 0], ...line]) {
    const [x, y] = toScreen(camera, imagePoint(u, v));
    ctx.lineTo(x, y);
  }
  ctx.globalAlpha = 0.55;
  ctx.strokeStyle = isErasing ? palette.paper : palette.accent;
  ctx.lineWidth = 2 * radius * camera.zoom;
  ctx.lineCap = "round";
  ctx.lineJoin = "round";
  ctx.stroke();
  ctx.globalAlpha = 1;
  ctx.lineCap = "butt";
  ctx.lineJoin = "miter";
}

function drawBrush(ctx: Context, [x, y]: ScreenPoint, radius: number): void {
  for (const [color, width] of [
    ["rgb(0 0 0 / 0.6)", 3],
    ["white", 1.5],
  ] as const) {
    ctx.beginPath();
    ctx.arc(x, y, Math.max(radius, 1.5), 0, 2 * Math.PI);
    ctx.strokeStyle = color;
    ctx.lineWidth = width;
    ctx.stroke();
  }
}

function drawCrosshair(ctx: Context, [x, y]: ScreenPoint, { width, height }: Size): void {
  for (const [color, offset] of [
    ["rgb(0 0 0 / 0.55)", 0.5],
    ["rgb(255 255 255 / 0.8)", -0.5],
  ] as const) {
    ctx.strokeStyle = color;
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(0, Math.round(y) + offset);
    ctx.lineTo(width, Math.round(y) + offset);
    ctx.moveTo(Math.round(x) + offset, 0);
    ctx.lineTo(Math.round(x) + offset, height);
    ctx.stroke();
  }
}

function nameOf({ bench }: Scene, labelId: number): string {
  return bench.labelOf({ labelId })?.name ?? "?";
}
