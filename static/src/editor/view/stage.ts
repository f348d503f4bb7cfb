import { fitTo, keepInSight, visibleRegion } from "../core/camera.ts";
import {
  type Bbox,
  type Camera,
  encloses,
  imagePoint,
  type ScreenPoint,
  type Size,
  toScreen,
} from "../core/units.ts";
import type { Workbench } from "../core/workbench.ts";
import { find } from "./dom.ts";
import {
  drawImage,
  drawOverlay,
  drawShapes,
  isTiled,
  type OverlayScene,
  type Picture,
  type Scene,
} from "./draw.ts";
import type { Palette } from "./palette.ts";
import { letGo } from "./tiling.ts";

type Layer = "image" | "shapes" | "overlay";

/** What one frame may paint of a crowd, in boxes: about half a frame of a slow machine. */
const SLICE = 4500;

/** Shapes being painted where nobody sees them yet, as of one camera. */
interface Painting {
  readonly camera: Camera;
  readonly steps: Iterator<number>;
}

/** What the stage shows besides the workbench; the page decides it. */
export interface StageLook {
  readonly overlay: () => Pick<OverlayScene, "sketch" | "crosshair" | "brush" | "reach">;
  readonly onCamera: (camera: Camera) => void;
}

/**
 * Three canvases, each painted at most once a frame and only when it must be.
 *
 * The image moves only with the camera, the shapes with the document, and everything that
 * follows the pointer is on the third, so that a drag repaints one shape and not all.
 */
export class Stage {
  readonly root: HTMLElement;
  readonly #look: StageLook;
  readonly #contexts: Readonly<Record<Layer, CanvasRenderingContext2D>>;
  readonly #back = hiddenContext();
  readonly #stale = new Set<Layer>();
  readonly #sizes: ResizeObserver;
  #frame = 0;
  #pixelRatio = 1;
  #view: Size = { width: 1, height: 1 };
  #camera: Camera = { origin: imagePoint(0, 0), zoom: 1 };
  /** The camera as of which the visible shapes were painted. */
  #shapesCamera: Camera = this.#camera;
  #painting: Painting | null = null;
  #isFitted = true;
  #bench: Workbench | null = null;
  #picture: Picture | null = null;
  #palette: Palette | null = null;
  #areProposalsShown = true;

  constructor(root: HTMLElement, look: StageLook) {
    this.root = root;
    this.#look = look;
    this.#contexts = {
      image: context(root, "image"),
      shapes: context(root, "shapes"),
      overlay: context(root, "overlay"),
    };
    this.#sizes = new ResizeObserver(() => this.#resize());
    this.#sizes.observe(root);
    this.#resize();
  }

  get camera(): Camera {
    return this.#camera;
  }

  get view(): Size {
    return this.#view;
  }

  get areProposalsShown(): boolean {
    return this.#areProposalsShown;
  }

  set areProposalsShown(areShown: boolean) {
    this.#areProposalsShown = areShown;
    this.repaint("shapes", "overlay");
  }

  show(bench: Workbench, picture: Picture | null): void {
    this.#bench = bench;
    this.#painting = null;
    this.showPicture(picture);
    this.fit();
  }

  showPicture(picture: Picture | null): void {
    if (this.#picture !== picture) letGo(this.#picture);
    this.#picture = picture;
    this.repaint("image");
  }

  setPalette(palette: Palette): void {
    this.#palette = palette;
    this.repaint("shapes", "overlay");
  }

  fit(region?: Bbox): void {
    if (!this.#bench) return;
    const { width, height } = this.#bench.image;
    const camera = fitTo(region ?? [0, 0, width, height], this.#view, region ? 80 : 16);
    this.moveTo(camera);
    this.#isFitted = !region;
  }

  /** Bring a region into sight with what is around it, where it is not well in sight. */
  showRegion(region: Bbox): void {
    const isSmall = Math.max(region[2] - region[0], region[3] - region[1]) * this.#camera.zoom < 60;
    if (!isSmall && encloses(visibleRegion(this.#camera, this.#view), region)) return;
    const [x1, y1, x2, y2] = region;
    const margin = Math.max(x2 - x1, y2 - y1);
    this.fit([x1 - margin, y1 - margin, x2 + margin, y2 + margin]);
  }

  moveTo(camera: Camera): void {
    this.#camera = this.#bench ? keepInSight(camera, this.#bench.image, this.#view) : camera;
    this.#isFitted = false;
    this.#look.onCamera(this.#camera);
    this.repaint("image", "shapes", "overlay");
  }

  /** The look of the picture alone: light where a photograph is dark. */
  setFilter(filter: string): void {
    this.#contexts.image.canvas.style.filter = filter;
  }

  toStage({ clientX, clientY }: { clientX: number; clientY: number }): ScreenPoint {
    const { left, top } = this.root.getBoundingClientRect();
    return [clientX - left, clientY - top] as unknown as ScreenPoint;
  }

  repaint(...layers: readonly Layer[]): void {
    for (const layer of layers) this.#stale.add(layer);
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.#paint());
  }

  #paint(): void {
    this.#frame = 0;
    const [bench, palette] = [this.#bench, this.#palette];
    if (!bench || !palette) return;
    const scene: Scene = {
      bench,
      palette,
      camera: this.#camera,
      view: this.#view,
      areProposalsShown: this.#areProposalsShown,
    };
    const { image, overlay } = this.#contexts;
    if (this.#stale.delete("image")) {
      if (isTiled(this.#picture)) this.#picture.follow(scene, this.#pixelRatio);
      drawImage(image, this.#picture, bench.image, scene, this.#pixelRatio);
    }
    this.#paintShapes(scene);
    if (this.#stale.delete("overlay")) drawOverlay(overlay, { ...scene, ...this.#look.overlay() });
    if (this.#painting || this.#stale.size > 0) this.repaint();
  }

  /**
   * Paint the shapes behind the scenes, as much as a frame allows, and show them when they
   * are whole. Until then what was painted last moves along with the camera.
   */
  #paintShapes(scene: Scene): void {
    if (!this.#painting && this.#stale.delete("shapes")) {
      this.#painting = { camera: scene.camera, steps: drawShapes(this.#back, scene) };
    }
    const painting = this.#painting;
    if (painting && isFinished(painting.steps)) {
      this.#painting = null;
      this.#shapesCamera = painting.camera;
      const { shapes } = this.#contexts;
      shapes.save();
      shapes.resetTransform();
      shapes.globalCompositeOperation = "copy";
      shapes.drawImage(this.#back.canvas, 0, 0);
      shapes.restore();
    }
    const { origin, zoom } = this.#shapesCamera;
    const [x, y] = toScreen(scene.camera, origin);
    const { style } = this.#contexts.shapes.canvas;
    const isInPlace = this.#shapesCamera === scene.camera;
    style.transform = isInPlace
      ? ""
      : `translate(${x}px, ${y}px) scale(${scene.camera.zoom / zoom})`;
  }

  #resize(): void {
    const { clientWidth, clientHeight } = this.root;
    this.#pixelRatio = window.devicePixelRatio || 1;
    this.#view = { width: Math.max(clientWidth, 1), height: Math.max(clientHeight, 1) };
    this.#painting = null;
    for (const ctx of [...Object.values(this.#contexts), this.#back]) {
      ctx.canvas.width = Math.round(this.#view.width * this.#pixelRatio);
      ctx.canvas.height = Math.round(this.#view.height * this.#pixelRatio);
      ctx.setTransform(this.#pixelRatio, 0, 0, this.#pixelRatio, 0, 0);
    }
    if (this.#isFitted) this.fit();
    this.repaint("image", "shapes", "overlay");
  }
}

function context(root: HTMLElement, layer: Layer): CanvasRenderingContext2D {
  const ctx = find(`canvas[data-layer=${layer}]`, HTMLCanvasElement, root).getContext("2d");
  if (!ctx) throw new Error("this browser has no 2D canvas");
  return ctx;
}

function hiddenContext(): CanvasRenderingContext2D {
  const ctx = document.createElement("canvas").getContext("2d");
  if (!ctx) throw new Error("this browser has no 2D canvas");
  return ctx;
}

/** Take steps for one frame; true when there are no more. */
function isFinished(steps: Iterator<number>): boolean {
  for (let cost = 0; cost < SLICE; ) {
    const step = steps.next();
    if (step.done) return true;
    cost += step.value;
  }
  return false;
}
