import type { Box, Handle, Kind } from "../geometry.ts";
import { spanning } from "../units.ts";

/** Where on the box each handle sits: 0 left or top, 1 right or bottom. */
const PLACES = [
  ["nw", 0, 0, "nwse-resize"],
  ["n", 0.5, 0, "ns-resize"],
  ["ne", 1, 0, "nesw-resize"],
  ["e", 1, 0.5, "ew-resize"],
  ["se", 1, 1, "nwse-resize"],
  ["s", 0.5, 1, "ns-resize"],
  ["sw", 0, 1, "nesw-resize"],
  ["w", 0, 0.5, "ew-resize"],
] as const;

export const box: Kind<Box> = {
  bounds: ({ bbox }) => bbox,

  moved: ({ bbox: [x1, y1, x2, y2] }, dx, dy) => ({
    kind: "box",
    bbox: [x1 + dx, y1 + dy, x2 + dx, y2 + dy],
  }),

  outline: ({ bbox: [x1, y1, x2, y2] }) => ({
    rings: [
      [
        [x1, y1],
        [x2, y1],
        [x2, y2],
        [x1, y2],
      ],
    ],
    isClosed: true,
  }),

  handles: ({ bbox: [x1, y1, x2, y2] }) =>
    PLACES.map(
      ([key, u, v, cursor]): Handle => ({
        key,
        cursor,
        at: [x1 + u * (x2 - x1), y1 + v * (y2 - y1)],
      }),
    ),

  dragged: ({ bbox: [x1, y1, x2, y2] }, handle, [x, y]) => ({
    kind: "box",
    bbox: spanning(
      [handle.includes("w") ? x : x1, handle.includes("n") ? y : y1],
      [handle.includes("e") ? x : x2, handle.includes("s") ? y : y2],
    ),
  }),
};
