import type { Kind, Tag } from "../geometry.ts";

/** Of the whole image: there is nothing to draw, to hit or to move. */
export const tag: Kind<Tag> = {
  bounds: ({ bbox }) => bbox,
  moved: (shape) => shape,
  outline: () => ({ rings: [], isClosed: false }),
  handles: () => [],
  dragged: (shape) => shape,
  distance: () => Number.POSITIVE_INFINITY,
};
