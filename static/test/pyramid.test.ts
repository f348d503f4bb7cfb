import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  factorOf,
  keyOf,
  levelAt,
  type Pyramid,
  regionOf,
  type Tile,
  tilesFor,
  tilesIn,
} from "../src/editor/core/pyramid.ts";
import { imagePoint } from "../src/editor/core/units.ts";
import type { Adviser, TilingWire } from "../src/editor/sync/transport.ts";
import type { Pictures } from "../src/editor/view/pictures.ts";
import { TiledPicture } from "../src/editor/view/tiledPicture.ts";
import { firstUrl, letGo, pictureOf, type Tiles } from "../src/editor/view/tiling.ts";

const SIDES = [313, 625, 1250, 2500, 5000, 10_000, 20_000];
const pyramid: Pyramid = {
  image: { width: 20_000, height: 20_000 },
  tilePx: 512,
  levels: SIDES.map((side) => ({ width: side, height: side })),
};

describe("a pyramid", () => {
  it("is seen at the level whose pixels are nearest to those of the screen", () => {
    expect([0.001, 0.04, 0.5, 0.8, 1, 8].map((zoom) => levelAt(pyramid, zoom))).toEqual([
      0, 1, 5, 6, 6, 6,
    ]);
    expect(factorOf(pyramid, 6)).toBe(1);
    expect(factorOf(pyramid, 0)).toBe(64);
  });

  it("has the tiles that a region touches, the middle first, and none beside the image", () => {
    const found = tilesIn(pyramid, 6, [500, 1000, 1600, 1100]).map(keyOf);
    expect(found).toHaveLength(8);
    expect(found.slice(0, 4).sort()).toEqual(["6/1/1", "6/1/2", "6/2/1", "6/2/2"]);
    expect(tilesIn(pyramid, 6, [-900, -900, -10, -10])).toEqual([]);
    expect(tilesIn(pyramid, 9, [0, 0, 9, 9])).toEqual([]);
    expect(tilesIn(pyramid, 6, [19_990, 19_990, 30_000, 30_000]).map(keyOf)).toEqual(["6/39/39"]);
  });

  it("has coarse tiles before the sharp ones, each once", () => {
    const keys = tilesFor(pyramid, 1, [0, 0, 1000, 500]).map(keyOf);
    expect(keys).toEqual(["0/0/0", "3/0/0", "6/0/0", "6/1/0"]);
    expect(tilesFor(pyramid, 0.01, [0, 0, 20_000, 20_000]).map(keyOf)).toEqual(["0/0/0"]);
    expect(regionOf(pyramid, { level: 5, column: 2, row: 0 })).toEqual([2048, 0, 3072, 1024]);
  });
});

describe("a picture in tiles", () => {
  let asked: string[] = [];
  let isDown = false;
  let numOpen = 0;

  const settle = async () => {
    for (let turn = 0; turn < 400; turn++) await Promise.resolve();
  };

  beforeEach(() => {
    asked = [];
    isDown = false;
    numOpen = 0;
    vi.stubGlobal("fetch", async (url: string, { signal }: RequestInit) => {
      asked.push(url);
      await Promise.resolve();
      if (signal?.aborted) throw new DOMException("aborted", "AbortError");
      return { ok: !isDown, status: isDown ? 503 : 200, blob: async () => new Blob() };
    });
    vi.stubGlobal("createImageBitmap", async () => {
      numOpen++;
      return { width: 512, height: 512, close: () => numOpen-- };
    });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  const opened = () => {
    const picture = new TiledPicture(pyramid.image, null, () => {});
    picture.begin(pyramid, (tile: Tile) => keyOf(tile));
    return picture;
  };
  const look = (x: number, y: number, zoom = 1) => ({
    camera: { origin: imagePoint(x, y), zoom },
    view: { width: 1440, height: 900 },
  });
  const drawn = (picture: TiledPicture, at: ReturnType<typeof look>) => {
    const rects: number[][] = [];
    const ctx = {
      drawImage: (_: unknown, ...rect: number[]) => rects.push(rect),
      getTransform: () => ({ a: 1 }),
    };
    picture.drawOn(ctx as unknown as CanvasRenderingContext2D, at, 1);
    return rects;
  };

  it("fetches what is in sight, once, and draws it without seams", async () => {
    const picture = opened();
    picture.follow(look(100.3, 100.7, 0.93), 1);
    await settle();
    picture.follow(look(100.3, 100.7, 0.93), 1);
    await settle();
    expect(new Set(asked).size).toBe(asked.length);
    const rects = drawn(picture, look(100.3, 100.7, 0.93));
    expect(rects.length).toBeGreaterThan(3);
    for (const rect of rects) expect(rect.every(Number.isInteger)).toBe(true);
    const rights = rects.map(([x = 0, , width = 0]) => x + width);
    for (const [x = 0] of rects) expect(x <= 0 || rights.includes(x)).toBe(true);
  });

  it("holds no more than its share of tiles, however far one wanders", async () => {
    const picture = opened();
    for (let x = 0; x < 18_000; x += 700) {
      for (let y = 0; y < 18_000; y += 6000) {
        picture.follow(look(x, y), 1);
        await settle();
      }
    }
    expect(asked.length).toBeGreaterThan(300);
    expect(numOpen).toBeLessThanOrEqual(160);
    picture.close();
    expect(numOpen).toBe(0);
  });

  it("gives up what is no longer in sight", async () => {
    const picture = opened();
    picture.follow(look(0, 0), 1);
    picture.follow(look(15_000, 15_000), 1);
    await settle();
    expect(asked.length).toBeLessThan(30);
    expect(drawn(picture, look(15_000, 15_000)).length).toBeGreaterThan(3);
  });

  it("asks again for what did not come", async () => {
    vi.useFakeTimers();
    isDown = true;
    const picture = opened();
    picture.follow(look(0, 0), 1);
    await settle();
    const num = asked.length;
    expect(drawn(picture, look(0, 0))).toEqual([]);
    picture.follow(look(0, 0), 1);
    await settle();
    expect(asked.length).toBe(num);
    isDown = false;
    vi.advanceTimersByTime(3100);
    await settle();
    expect(drawn(picture, look(0, 0)).length).toBeGreaterThan(3);
  });

  it("fetches nothing more once it is closed", async () => {
    const picture = opened();
    picture.follow(look(0, 0), 1);
    picture.close();
    await settle();
    expect(numOpen).toBe(0);
    expect(asked.length).toBeLessThanOrEqual(6);
  });
});

describe("opening a very large image", () => {
  const image = {
    id: 7,
    name: "large.jpg",
    width: 20_000,
    height: 20_000,
    url: "shown",
    thumbnail_url: "thumbnail",
    tiles_url: "/tiles/",
    state: "unlabeled",
    index: 1,
    count: 1,
  } as const;
  const levels = SIDES.map((side) => [side, side] as const);
  const told = (state: TilingWire["state"], percent: number, detail = ""): TilingWire => ({
    state,
    percent,
    detail,
    tile_px: 512,
    levels,
  });

  const open = async (
    answers: (TilingWire | null)[],
    tiles: Tiles = async () => ({ TiledPicture }),
  ) => {
    const said: unknown[][] = [];
    const fetched: string[] = [];
    const picture = await pictureOf(image, undefined, {
      adviser: { tiling: async () => answers.shift() ?? null } as unknown as Adviser,
      pictures: {
        get: async (url: string) => {
          fetched.push(url);
          return null;
        },
      } as unknown as Pictures,
      tiles,
      repaint: () => {},
      notice: (...words) => said.push(words),
    });
    return { picture, said, fetched, answers };
  };

  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it("is not shown where what draws tiles does not come", async () => {
    const { picture, said } = await open([told("ready", 100)], async () => {
      throw new TypeError("Failed to fetch dynamically imported module");
    });
    expect(picture).toBeNull();
    expect(said).toEqual([]);
  });

  it("shows its thumbnail at once, says how far the cutting is, and never fetches the whole", async () => {
    const answers = [told("cutting", 40), null, told("ready", 100)];
    const { picture, said, fetched } = await open(answers);
    expect(picture).toBeInstanceOf(TiledPicture);
    expect(fetched).toEqual(["thumbnail"]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(said).toEqual([["tilesCutting", { percent: 40 }]]);
    expect(answers).toEqual([]);
    expect(firstUrl(image)).toBe("thumbnail");
    expect(firstUrl({ ...image, tiles_url: null })).toBe("shown");
  });

  it("says why it could not be cut, and asks no more", async () => {
    const { said, answers } = await open([told("failed", 3, "broken"), told("ready", 100)]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(said).toEqual([["tilesFailed", { detail: "broken" }]]);
    expect(answers).toHaveLength(1);
  });

  it("asks no more once the person has gone on", async () => {
    const { picture, answers } = await open([told("cutting", 1), told("cutting", 2)]);
    letGo(picture);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(answers).toHaveLength(1);
  });
});
