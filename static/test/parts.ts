import type { Shape } from "../src/editor/core/document.ts";
import type { Geometry } from "../src/editor/core/geometry.ts";
import { boundsOf } from "../src/editor/core/geometry.ts";
import { DEFAULT_THRESHOLD, type Proposal } from "../src/editor/core/proposals.ts";
import type { Press } from "../src/editor/core/tools/tool.ts";
import { type Bbox, imagePoint } from "../src/editor/core/units.ts";
import { Workbench } from "../src/editor/core/workbench.ts";

export const LABELS = [
  { id: 1, name: "scratch", color: "#3b82f6", hotkey: "1" },
  { id: 2, name: "dent", color: "#f59e0b", hotkey: "2" },
];

export function shape(id: string, bbox: Bbox, extra: Partial<Shape> = {}): Shape {
  return ofGeometry(id, { kind: "box", bbox }, extra);
}

export function ofGeometry(id: string, geometry: Geometry, extra: Partial<Shape> = {}): Shape {
  return {
    id,
    geometry,
    labelId: 1,
    bbox: boundsOf(geometry),
    source: "human",
    score: null,
    attributes: {},
    isOccluded: false,
    isTruncated: false,
    group: null,
    layer: 0,
    ...extra,
  };
}

export function proposal(id: string, bbox: Bbox, score = DEFAULT_THRESHOLD): Proposal {
  return { id, labelId: 1, geometry: { kind: "box", bbox }, bbox, score, model: "detector@1" };
}

export function bench(shapes: readonly Shape[] = [], proposals: readonly Proposal[] = []) {
  let number = 0;
  return new Workbench({
    image: { width: 100, height: 80 },
    labels: LABELS,
    shapes,
    proposals,
    newId: () => `new-${++number}`,
  });
}

export function press(x: number, y: number, extra: Partial<Press> = {}): Press {
  return { at: imagePoint(x, y), reach: 2, shift: false, alt: false, ...extra };
}

/** Let everything that waits for nothing but its turn have it. */
export const turns = async (count = 50): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};
declare function setImmediate(run: (value: unknown) => void): void;
