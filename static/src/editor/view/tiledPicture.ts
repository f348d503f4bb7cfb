import { visibleRegion } from "../core/camera.ts";
import {
  factorOf,
  keyOf,
  levelAt,
  type Pyramid,
  regionOf,
  type Tile,
  tilesFor,
  tilesIn,
} from "../core/pyramid.ts";
import { type Camera, imagePoint, type Size, toScreen } from "../core/units.ts";

/** Decoded tiles that are kept: 160 of 512 px are as much as one photograph of 40 megapixels. */
const MOST_TILES = 160;
const AT_ONCE = 6;
const RETRY_MS = 3000;

export interface Look {
  readonly camera: Camera;
  readonly view: Size;
}

type Canvas = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/**
 * A very large image, of which only what is in sight is fetched and kept.
 *
 * Until a sharp tile is there, the coarser ones and the thumbnail show through.
 */
export class TiledPicture {
  readonly #image: Size;
  readonly #base: CanvasImageSource | null;
  readonly #changed: () => void;
  readonly #tiles = new Map<string, ImageBitmap>();
  readonly #loading = new Map<string, AbortController>();
  readonly #failed = new Set<string>();
  #pyramid: Pyramid | null = null;
  #address: (tile: Tile) => string = () => "";
  #wanted: readonly Tile[] = [];
  #isClosed = false;

  constructor(image: Size, base: CanvasImageSource | null, changed: () => void) {
    this.#image = image;
    this.#base = base;
    this.#changed = changed;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The tiles are cut: from now on they are fetched. */
  begin(pyramid: Pyramid, address: (tile: Tile) => string): void {
    this.#pyramid = pyramid;
    this.#address = address;
    this.#changed();
  }

  /** Fetch what this look needs, and give up what it does not. */
  follow(look: Look, pixelRatio: number): void {
    if (!this.#pyramid) return;
    const region = visibleRegion(look.camera, look.view);
    this.#wanted = tilesFor(this.#pyramid, look.camera.zoom * pixelRatio, region);
    const keys = new Set(this.#wanted.map(keyOf));
    for (const [key, loading] of this.#loading) if (!keys.has(key)) loading.abort();
    this.#fetchMore();
  }

  drawOn(ctx: Canvas, { camera, view }: Look, pixelRatio: number): void {
    const pyramid = this.#pyramid;
    const region = visibleRegion(camera, view);
    const sharp = pyramid ? levelAt(pyramid, camera.zoom * pixelRatio) : -1;
    const isWhole = pyramid
      ? tilesIn(pyramid, sharp, region).every((tile) => this.#tiles.has(keyOf(tile)))
      : false;
    if (!isWhole) this.#drawBase(ctx, camera);
    if (!pyramid) return;
    for (let level = isWhole ? sharp : 0; level <= sharp; level++) {
      for (const tile of tilesIn(pyramid, level, region)) this.#draw(ctx, pyramid, tile, camera);
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const loading of this.#loading.values()) loading.abort();
    for (const bitmap of this.#tiles.values()) bitmap.close();
    this.#tiles.clear();
  }

  #drawBase(ctx: Canvas, camera: Camera): void {
    if (!this.#base) return;
    const [x, y] = toScreen(camera, imagePoint(0, 0));
    const { width, height } = this.#image;
    ctx.drawImage(this.#base, x, y, width * camera.zoom, height * camera.zoom);
  }

  #draw(ctx: Canvas, pyramid: Pyramid, tile: Tile, camera: Camera): void {
    const key = keyOf(tile);
    const bitmap = this.#tiles.get(key);
    if (!bitmap) return;
    this.#tiles.delete(key); // and back, as the one that was used last
    this.#tiles.set(key, bitmap);
    const [left, top] = regionOf(pyramid, tile);
    const factor = factorOf(pyramid, tile.level);
    const [x1, y1] = toScreen(camera, imagePoint(left, top));
    const corner = imagePoint(left + bitmap.width * factor, top + bitmap.height * factor);
    const [x2, y2] = toScreen(camera, corner);
    // Edges on whole device pixels: neighbours meet without a seam.
    const { a: ratio } = ctx.getTransform();
    const snap = (value: number) => Math.round(value * ratio) / ratio;
    const [x, y] = [snap(x1), snap(y1)];
    ctx.drawImage(bitmap, x, y, snap(x2) - x, snap(y2) - y);
  }

  #fetchMore(): void {
    for (const tile of this.#wanted) {
      if (this.#loading.size >= AT_ONCE) return;
      const key = keyOf(tile);
      const isKnown = this.#tiles.has(key) || this.#loading.has(key) || this.#failed.has(key);
      if (!isKnown) void this.#fetch(tile, key);
    }
  }

  async #fetch(tile: Tile, key: string): Promise<void> {
    const loading = new AbortController();
    this.#loading.set(key, loading);
    try {
      const { signal } = loading;
      const answer = await fetch(this.#address(tile), { signal, credentials: "same-origin" });
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      const bitmap = await createImageBitmap(await answer.blob());
      if (this.#isClosed) bitmap.close();
      else this.#keep(key, bitmap);
    } catch {
      if (!loading.signal.aborted) this.#tryLater(key);
    }
    this.#loading.delete(key);
    if (this.#isClosed) return;
    this.#changed();
    this.#fetchMore();
  }

  #keep(key: string, bitmap: ImageBitmap): void {
    this.#tiles.set(key, bitmap);
    const wanted = new Set(this.#wanted.map(keyOf));
    const spare = Array.from(this.#tiles.keys()).filter((each) => !wanted.has(each));
    for (const oldest of spare.slice(0, Math.max(0, this.#tiles.size - MOST_TILES))) {
      this.#tiles.get(oldest)?.close();
      this.#tiles.delete(oldest);
    }
  }

  #tryLater(key: string): void {
    this.#failed.add(key);
    setTimeout(() => {
      this.#failed.delete(key);
      if (!this.#isClosed) this.#fetchMore();
    }, RETRY_MS);
  }
}
