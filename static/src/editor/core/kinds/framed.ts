import {
  boundsOfRing,
  type Ellipse,
  type Handle,
  type Kind,
  type Outline,
  type RotatedBox,
  type Vertex,
} from "../geometry.ts";
import type { Bbox } from "../units.ts";

/** A box of its own axes: what a rotated box and an ellipse have in common. */
interface Frame {
  readonly center: Vertex;
  readonly half: Vertex;
  readonly angle: number;
}

const ROTATE = "rotate";
/** The rotation handle stands this many times the pointer's reach above the frame. */
const STAND_OFF = 4;
const NUM_ELLIPSE_VERTICES = 48;

const SIDES: Readonly<Record<string, Vertex>> = {
  nw: [-1, -1],
  n: [0, -1],
  ne: [1, -1],
  e: [1, 0],
  se: [1, 1],
  s: [0, 1],
  sw: [-1, 1],
  w: [-1, 0],
};

function turn([x, y]: Vertex, degrees: number): Vertex {
  const radians = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(radians), Math.sin(radians)];
  return [x * cos - y * sin, x * sin + y * cos];
}

function place({ center, angle }: Frame, local: Vertex): Vertex {
  const [x, y] = turn(local, angle);
  return [center[0] + x, center[1] + y];
}

function handlesOf(frame: Frame, reach: number): Handle[] {
  const [hx, hy] = frame.half;
  const sides = Object.entries(SIDES).map(
    ([key, [u, v]]): Handle => ({ key, at: place(frame, [u * hx, v * hy]), cursor: "crosshair" }),
  );
  const knob = place(frame, [0, -hy - STAND_OFF * reach]);
  return [...sides, { key: ROTATE, at: knob, cursor: "grab" }];
}

function draggedFrame(frame: Frame, handle: string, to: Vertex): Frame {
  const { center, half, angle } = frame;
  const arm: Vertex = [to[0] - center[0], to[1] - center[1]];
  if (handle === ROTATE) {
    const turned = (Math.atan2(arm[0], -arm[1]) * 180) / Math.PI;
    return { ...frame, angle: turned };
  }
  const side = SIDES[handle] ?? [0, 0];
  const local = turn(arm, -angle);
  // The opposite side stays where it is; where the handle is mid-side, that axis rests.
  const along = (axis: 0 | 1) => {
    if (side[axis] === 0) return { middle: 0, reach: half[axis] };
    const fixed = -side[axis] * half[axis];
    return { middle: (fixed + local[axis]) / 2, reach: Math.abs(local[axis] - fixed) / 2 };
  };
  const [x, y] = [along(0), along(1)];
  return { angle, half: [x.reach, y.reach], center: place(frame, [x.middle, y.middle]) };
}

const cornersOf = (frame: Frame): Vertex[] =>
  ["nw", "ne", "se", "sw"].map((key) => {
    const [u, v] = SIDES[key] ?? [0, 0];
    return place(frame, [u * frame.half[0], v * frame.half[1]]);
  });

const boxFrame = ({ center, size, angle }: RotatedBox): Frame => ({
  center,
  angle,
  half: [size[0] / 2, size[1] / 2],
});

const toBox = ({ center, half, angle }: Frame): RotatedBox => ({
  kind: "rotated_box",
  center,
  angle,
  size: [half[0] * 2, half[1] * 2],
});

const ellipseFrame = ({ center, radii, angle }: Ellipse): Frame => ({ center, half: radii, angle });

const toEllipse = ({ center, half, angle }: Frame): Ellipse => ({
  kind: "ellipse",
  center,
  radii: half,
  angle,
});

const shifted = ([x, y]: Vertex, dx: number, dy: number): Vertex => [x + dx, y + dy];

export const rotatedBox: Kind<RotatedBox> = {
  bounds: (box) => boundsOfRing(cornersOf(boxFrame(box))),
  moved: (box, dx, dy) => ({ ...box, center: shifted(box.center, dx, dy) }),
  outline: (box): Outline => ({ rings: [cornersOf(boxFrame(box))], isClosed: true }),
  handles: (box, reach) => handlesOf(boxFrame(box), reach),
  dragged: (box, handle, to) => toBox(draggedFrame(boxFrame(box), handle, to)),
};

export const ellipse: Kind<Ellipse> = {
  bounds: ({ center, radii, angle }): Bbox => {
    const [cos, sin] = turn([1, 0], angle);
    const x = Math.hypot(radii[0] * cos, radii[1] * sin);
    const y = Math.hypot(radii[0] * sin, radii[1] * cos);
    return [center[0] - x, center[1] - y, center[0] + x, center[1] + y];
  },
  moved: (round, dx, dy) => ({ ...round, center: shifted(round.center, dx, dy) }),
  outline: (round): Outline => {
    const frame = ellipseFrame(round);
    const ring = Array.from({ length: NUM_ELLIPSE_VERTICES }, (_, step): Vertex => {
      const [u, v] = turn([1, 0], (step * 360) / NUM_ELLIPSE_VERTICES);
      return place(frame, [u * round.radii[0], v * round.radii[1]]);
    });
    return { rings: [ring], isClosed: true };
  },
  handles: (round, reach) =>
    handlesOf(ellipseFrame(round), reach).filter(({ key }) => key === ROTATE || key.length === 1),
  dragged: (round, handle, to) => toEllipse(draggedFrame(ellipseFrame(round), handle, to)),
};
