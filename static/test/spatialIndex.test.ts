import { expect, test } from "vitest";
import { SpatialIndex } from "../src/editor/core/spatialIndex.ts";
import { type Bbox, overlaps } from "../src/editor/core/units.ts";
import { seeded } from "./seeded.ts";

test.each([1, 2, 3, 4, 5])("finds what brute force finds, seed %i", (seed) => {
  const random = seeded(seed);
  const anyBox = (): Bbox => {
    const side = 2 ** (random() * 12 - 2);
    const [x, y] = [random() * 4000 - 500, random() * 4000 - 500];
    return [x, y, x + side * random(), y + side];
  };
  const index = new SpatialIndex();
  const boxes = new Map<string, Bbox>();
  for (let step = 0; step < 600; step++) {
    const id = `${Math.floor(random() * 200)}`;
    if (random() < 0.25) {
      boxes.delete(id);
      index.delete(id);
    } else {
      const bbox = anyBox();
      boxes.set(id, bbox);
      index.set(id, bbox);
    }
  }

  expect(index.size).toBe(boxes.size);
  for (let query = 0; query < 50; query++) {
    const region = anyBox();
    const expected = Array.from(boxes).filter(([, bbox]) => overlaps(bbox, region));
    expect(index.query(region).sort()).toEqual(expected.map(([id]) => id).sort());
  }
});
