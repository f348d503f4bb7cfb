import { boundsOfRing, type Kind, type Ring, type Skeleton, type Vertex } from "../geometry.ts";

const placed = ({ points, visible }: Skeleton): Ring =>
  points.filter((_, joint) => visible[joint] !== 0);

export const skeleton: Kind<Skeleton> = {
  bounds: (shape) => boundsOfRing(placed(shape)),
  moved: (shape, dx, dy) => ({
    ...shape,
    points: shape.points.map(([x, y]): Vertex => [x + dx, y + dy]),
  }),
  outline: (shape) => ({ rings: placed(shape).map((joint) => [joint]), isClosed: false }),
  handles: ({ points, visible }) =>
    points
      .map((at, joint) => ({ key: String(joint), at, cursor: "move" }))
      .filter((_, joint) => visible[joint] !== 0),
  dragged: (shape, handle, to) => ({ ...shape, points: shape.points.with(Number(handle), to) }),
  /** Taking a joint out says that it is not there; the last one takes the shape along. */
  without: (shape, handle) => {
    const visible = shape.visible.with(Number(handle), 0);
    return visible.some((joint) => joint !== 0) ? { ...shape, visible } : null;
  },
};
