import { isOn, toBitmap } from "../bitmap.ts";
import type { Kind, Mask } from "../geometry.ts";

/** A mask is changed by brush and eraser; it has no handles, and moves by whole pixels. */
export const mask: Kind<Mask> = {
  bounds: ({ origin: [x, y], size: [width, height] }) => [x, y, x + width, y + height],
  moved: (shape, dx, dy) => ({
    ...shape,
    origin: [Math.round(shape.origin[0] + dx), Math.round(shape.origin[1] + dy)],
  }),
  outline: ({ origin: [x, y], size: [width, height] }) => ({
    rings: [
      [
        [x, y],
        [x + width, y],
        [x + width, y + height],
        [x, y + height],
      ],
    ],
    isClosed: true,
  }),
  handles: () => [],
  dragged: (shape) => shape,
  distance: (shape, at) => {
    const { origin, size } = shape;
    const [dx, dy] = [at[0] - origin[0], at[1] - origin[1]];
    const isNear = dx >= 0 && dy >= 0 && dx < size[0] && dy < size[1];
    return isNear && isOn(toBitmap(shape), at) ? 0 : Number.POSITIVE_INFINITY;
  },
};
