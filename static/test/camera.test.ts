import { expect, test } from "vitest";
import {
  fitTo,
  keepInSight,
  panBy,
  pinch,
  visibleRegion,
  zoomAt,
} from "../src/editor/core/camera.ts";
import {
  imagePoint as at,
  type Camera,
  screenPoint,
  toImage,
  toScreen,
} from "../src/editor/core/units.ts";
import { seeded } from "./seeded.ts";

const view = { width: 800, height: 600 };

test("screen and image points round-trip and do not mix", () => {
  const random = seeded(7);
  for (let trial = 0; trial < 200; trial++) {
    const camera = { origin: at(random() * 5000, random() * 5000), zoom: 2 ** (random() * 12 - 6) };
    const point = screenPoint(random() * 800, random() * 600);
    const [x, y] = toScreen(camera, toImage(camera, point));
    expect(x).toBeCloseTo(point[0], 6);
    expect(y).toBeCloseTo(point[1], 6);
  }
  const camera = { origin: at(100, 50), zoom: 4 };
  expect(toImage(camera, screenPoint(8, 12))).toEqual([102, 53]);
  // @ts-expect-error a screen point is not an image point
  toScreen(camera, screenPoint(1, 2));
});

test("zooming keeps the pixel under the pointer", () => {
  const camera: Camera = { origin: at(10, 20), zoom: 1 };
  const pointer = screenPoint(300, 200);
  const before = toImage(camera, pointer);

  const zoomed = zoomAt(camera, pointer, 3);

  expect(zoomed.zoom).toBe(3);
  expect(toImage(zoomed, pointer)[0]).toBeCloseTo(before[0], 9);
  expect(toImage(zoomed, pointer)[1]).toBeCloseTo(before[1], 9);
});

test("fitting shows the whole image in the middle", () => {
  const camera = fitTo([0, 0, 4000, 1000], view, 0);

  expect(camera.zoom).toBe(0.2);
  expect(toScreen(camera, at(2000, 500))).toEqual([400, 300]);
});

test("panning follows the hand at any zoom", () => {
  const camera = panBy({ origin: at(0, 0), zoom: 4 }, 40, -8);

  expect(camera.origin).toEqual([-10, 2]);
});

test("two fingers apart twice as far zoom twice as near", () => {
  const camera: Camera = { origin: at(0, 0), zoom: 1 };
  const from = [screenPoint(100, 100), screenPoint(200, 100)] as const;
  const to = [screenPoint(50, 120), screenPoint(250, 120)] as const;

  const pinched = pinch(camera, from, to);

  expect(pinched.zoom).toBe(2);
  expect(toScreen(pinched, at(150, 100))).toEqual([150, 120]);
});

test("the image can never be lost from sight", () => {
  const image = { width: 500, height: 500 };
  const lost = keepInSight({ origin: at(9e5, -9e5), zoom: 1 }, image, view);
  const [x1, y1, x2, y2] = visibleRegion(lost, view);

  expect(Math.min(x2, 500) - Math.max(x1, 0)).toBe(48);
  expect(Math.min(y2, 500) - Math.max(y1, 0)).toBe(48);
});
