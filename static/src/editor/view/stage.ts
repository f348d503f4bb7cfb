import { fitTo, keepInSight } from "../core/camera.ts";
import { type Bbox, type Camera, imagePoint, type ScreenPoint, type Size } from "../core/units.ts";
import type { Workbench } from "../core/workbench.ts";
import { find } from "./dom.ts";
import { drawImage, drawOverlay, drawShapes, type OverlayScene } from "./draw.ts";
import type { Palette } from "./palette.ts";

type Layer = "image" | "shapes" | "overlay";

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
  readonly #stale = new Set<Layer>();
  readonly #sizes: ResizeObserver;
  #frame = 0;
  #pixelRatio = 1;
  #view: Size = { width: 1, height: 1 };
  #camera: Camera = { origin: imagePoint(0, 0), zoom: 1 };
  #isFitted = true;
  #bench: Workbench | null = null;
  #picture: CanvasImageSource | null = null;
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

  show(bench: Workbench, picture: CanvasImageSource | null): void {
    this.#bench = bench;
    this.#picture = picture;
    this.fit();
  }

  showPicture(picture: CanvasImageSource | null): void {
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
    const scene = {
      bench,
      palette,
      camera: this.#camera,
      view: this.#view,
      areProposalsShown: this.#areProposalsShown,
    };
    const { image, shapes, overlay } = this.#contexts;
    if (this.#stale.has("image")) {
      drawImage(image, this.#picture, bench.image, scene, this.#pixelRatio);
    }
    if (this.#stale.has("shapes")) drawShapes(shapes, scene);
    if (this.#stale.has("overlay")) drawOverlay(overlay, { ...scene, ...this.#look.overlay() });
    this.#stale.clear();
  }

  #resize(): void {
    const { clientWidth, clientHeight } = this.root;
    this.#pixelRatio = window.devicePixelRatio || 1;
    this.#view = { width: Math.max(clientWidth, 1), height: Math.max(clientHeight, 1) };
    for (const ctx of Object.values(this.#contexts)) {
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
