import { expect, test } from "vitest";
import { isOn, toBitmap, toMask, withFill, withStroke } from "../src/editor/core/bitmap.ts";
import {
  boundsOf,
  boundsOfRing,
  distanceTo,
  type Geometry,
  isInside,
  kindOf,
  outlineOf,
  type Vertex,
} from "../src/editor/core/geometry.ts";
import { fromAnnotation, isSame, toAnnotation } from "../src/editor/core/wire.ts";
import { ofGeometry, shape } from "./parts.ts";
import { seeded } from "./seeded.ts";

const IMAGE = { width: 100, height: 80 };

function anyGeometry(random: () => number): Geometry {
  const number = () => 10 + Math.floor(random() * 5000) / 100;
  const vertex = (): Vertex => [number(), number()];
  const ring = () => Array.from({ length: 3 + Math.floor(random() * 6) }, vertex);
  const angle = Math.floor(random() * 36000) / 100 - 180;
  const box: Geometry = { kind: "box", bbox: boundsOfRing(ring()) };
  const kinds: readonly Geometry[] = [
    box,
    { kind: "rotated_box", center: vertex(), size: vertex(), angle },
    { kind: "ellipse", center: vertex(), radii: vertex(), angle },
    { kind: "polygon", points: ring(), holes: [ring()] },
    { kind: "polyline", points: ring() },
    { kind: "points", points: ring() },
    toMask(withStroke(null, ring(), 1 + random() * 6, false, IMAGE)) ?? box,
  ];
  return kinds[Math.floor(random() * kinds.length)] ?? box;
}

test.each(Array.from({ length: 60 }, (_, seed) => seed))(
  "what is sent comes back, seed %i",
  (seed) => {
    const one = ofGeometry("a", anyGeometry(seeded(seed)));

    const back = fromAnnotation(JSON.parse(JSON.stringify(toAnnotation(one))));

    expect(isSame(one, back)).toBe(true);
    expect(toAnnotation(back)).toEqual(toAnnotation(one));
  },
);

test.each(Array.from({ length: 60 }, (_, seed) => seed))(
  "bounds hold the outline, moving moves them, seed %i",
  (seed) => {
    const geometry = anyGeometry(seeded(seed + 500));
    const [x1, y1, x2, y2] = boundsOf(geometry);
    const outer = outlineOf(geometry).rings[0] ?? [];
    for (const [x, y] of geometry.kind === "polygon" ? geometry.points : outer) {
      expect(x).toBeGreaterThanOrEqual(x1 - 1e-9);
      expect(x).toBeLessThanOrEqual(x2 + 1e-9);
      expect(y).toBeGreaterThanOrEqual(y1 - 1e-9);
      expect(y).toBeLessThanOrEqual(y2 + 1e-9);
    }

    const moved = boundsOf(kindOf(geometry).moved(geometry, 7, -3));

    [x1 + 7, y1 - 3, x2 + 7, y2 - 3].forEach((value, at) => {
      expect(moved[at]).toBeCloseTo(value, 9);
    });
  },
);

test.each(["rotated_box", "ellipse"] as const)(
  "a side of a turned %s is pulled, its opposite rests",
  (kind) => {
    const geometry: Geometry =
      kind === "ellipse"
        ? { kind, center: [50, 40], radii: [20, 10], angle: 30 }
        : { kind, center: [50, 40], size: [40, 20], angle: 30 };
    const at = (one: Geometry, key: string) =>
      kindOf(one)
        .handles(one, 1)
        .find((handle) => handle.key === key)?.at ?? [0, 0];
    const west = at(geometry, "w");

    const pulled = kindOf(geometry).dragged(geometry, "e", [90, 70]);

    expect(at(pulled, "w")[0]).toBeCloseTo(west[0], 9);
    expect(at(pulled, "w")[1]).toBeCloseTo(west[1], 9);
    const turned = at(kindOf(geometry).dragged(geometry, "rotate", [90, 40]), "rotate");
    expect(turned[0]).toBeCloseTo(64, 9);
  },
);

test("a mask keeps every pixel through its run lengths", () => {
  const random = seeded(3);
  for (let trial = 0; trial < 50; trial++) {
    const line = Array.from({ length: 4 }, (): Vertex => [random() * 100, random() * 80]);
    const bitmap = withStroke(null, line, random() * 9, false, IMAGE);
    const mask = toMask(bitmap);
    const back = mask ? toBitmap(mask) : null;
    let numWrong = 0;
    for (let at = 0; at < 100 * 80; at++) {
      const pixel: Vertex = [at % 100, Math.floor(at / 100)];
      if ((back ? isOn(back, pixel) : false) !== isOn(bitmap, pixel)) numWrong += 1;
    }
    expect(numWrong).toBe(0);
  }
});

test("run lengths are those of COCO: column by column, off first", () => {
  const bitmap = { left: 5, top: 7, width: 3, height: 2, data: Uint8Array.of(0, 1, 1, 1, 1, 0) };

  expect(toMask(bitmap)).toEqual({ kind: "mask", origin: [5, 7], size: [3, 2], counts: [1, 4, 1] });
});

test("filling takes the pixels whose centres are inside", () => {
  const ring: readonly Vertex[] = [
    [10, 10],
    [14, 10],
    [14, 12],
    [10, 12],
  ];

  expect(toMask(withFill(null, ring, false, IMAGE))).toEqual({
    kind: "mask",
    origin: [10, 10],
    size: [4, 2],
    counts: [0, 8],
  });
});

test("distance is 0 inside, to the line outside, and to the nearest dot of points", () => {
  expect(distanceTo({ kind: "box", bbox: [0, 0, 10, 10] }, [5, 5])).toBe(0);
  expect(distanceTo({ kind: "box", bbox: [0, 0, 10, 10] }, [13, 14])).toBe(5);
  expect(
    distanceTo(
      {
        kind: "polyline",
        points: [
          [0, 0],
          [10, 0],
        ],
      },
      [5, 4],
    ),
  ).toBe(4);
  expect(
    distanceTo(
      {
        kind: "points",
        points: [
          [0, 0],
          [10, 0],
        ],
      },
      [9, 0],
    ),
  ).toBe(1);
  expect(isInside([], [0, 0])).toBe(false);
});

test("small differences of storing are none, real ones are", () => {
  const a = shape("a", [1, 2, 3, 4]);

  expect(isSame(a, shape("a", [1.004, 2, 3, 4]))).toBe(true);
  expect(isSame(a, shape("a", [1.1, 2, 3, 4]))).toBe(false);
  expect(isSame(a, { ...a, attributes: { colour: "red" } })).toBe(false);
});
