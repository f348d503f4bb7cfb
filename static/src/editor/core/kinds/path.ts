import {
  boundsOfRing,
  type Handle,
  type Kind,
  type Points,
  type Polygon,
  type Polyline,
  type Ring,
  type Vertex,
} from "../geometry.ts";

/** A handle's key: which ring, which vertex, and "+" for the middle of the edge after it. */
interface Grip {
  readonly ring: number;
  readonly index: number;
  readonly isMiddle: boolean;
}

function readGrip(key: string): Grip {
  const [ring = "0", index = "0"] = key.replace("+", "").split(":");
  return { ring: Number(ring), index: Number(index), isMiddle: key.endsWith("+") };
}

const shift = (ring: Ring, dx: number, dy: number): Ring =>
  ring.map(([x, y]): Vertex => [x + dx, y + dy]);

function vertexHandles(ring: Ring, number: number): Handle[] {
  return ring.map((at, index) => ({ key: `${number}:${index}`, at, cursor: "move" }));
}

function middleHandles(ring: Ring, number: number, isClosed: boolean): Handle[] {
  const edges = isClosed ? ring : ring.slice(0, -1);
  return edges.map(([ax, ay], index): Handle => {
    const [bx, by] = ring[(index + 1) % ring.length] ?? [ax, ay];
    const at: Vertex = [(ax + bx) / 2, (ay + by) / 2];
    return { key: `${number}:${index}+`, at, cursor: "copy", isMinor: true };
  });
}

function pull(ring: Ring, { index, isMiddle }: Grip, to: Vertex): Ring {
  return isMiddle ? ring.toSpliced(index + 1, 0, to) : ring.with(index, to);
}

const drop = (ring: Ring, { index }: Grip): Ring => ring.toSpliced(index, 1);

export const polygon: Kind<Polygon> = {
  bounds: ({ points }) => boundsOfRing(points),
  moved: (shape, dx, dy) => ({
    ...shape,
    points: shift(shape.points, dx, dy),
    holes: shape.holes.map((hole) => shift(hole, dx, dy)),
  }),
  outline: ({ points, holes }) => ({ rings: [points, ...holes], isClosed: true }),
  handles: ({ points, holes }) =>
    [points, ...holes].flatMap((ring, number) => [
      ...middleHandles(ring, number, true),
      ...vertexHandles(ring, number),
    ]),
  dragged: (shape, handle, to) => {
    const grip = readGrip(handle);
    return withRing(shape, grip.ring, (ring) => pull(ring, grip, to));
  },
  without: (shape, handle) => {
    const grip = readGrip(handle);
    const ring = [shape.points, ...shape.holes][grip.ring] ?? [];
    if (ring.length > 3) return withRing(shape, grip.ring, (old) => drop(old, grip));
    if (grip.ring === 0) return null;
    return { ...shape, holes: shape.holes.toSpliced(grip.ring - 1, 1) };
  },
};

function withRing(shape: Polygon, number: number, edit: (ring: Ring) => Ring): Polygon {
  if (number === 0) return { ...shape, points: edit(shape.points) };
  return { ...shape, holes: shape.holes.with(number - 1, edit(shape.holes[number - 1] ?? [])) };
}

export const polyline: Kind<Polyline> = {
  bounds: ({ points }) => boundsOfRing(points),
  moved: (line, dx, dy) => ({ ...line, points: shift(line.points, dx, dy) }),
  outline: ({ points }) => ({ rings: [points], isClosed: false }),
  handles: ({ points }) => [...middleHandles(points, 0, false), ...vertexHandles(points, 0)],
  dragged: (line, handle, to) => ({ ...line, points: pull(line.points, readGrip(handle), to) }),
  without: (line, handle) =>
    line.points.length > 2 ? { ...line, points: drop(line.points, readGrip(handle)) } : null,
};

export const points: Kind<Points> = {
  bounds: ({ points }) => boundsOfRing(points),
  moved: (dots, dx, dy) => ({ ...dots, points: shift(dots.points, dx, dy) }),
  outline: ({ points }) => ({ rings: points.map((dot) => [dot]), isClosed: false }),
  handles: ({ points }) => vertexHandles(points, 0),
  dragged: (dots, handle, to) => ({ ...dots, points: pull(dots.points, readGrip(handle), to) }),
  without: (dots, handle) =>
    dots.points.length > 1 ? { ...dots, points: drop(dots.points, readGrip(handle)) } : null,
};
