import { type Bbox, clamp, overlaps, type Size } from "./units.ts";

/** A very large image as tiles: level 0 is one of them, the last level the image itself. */
export interface Pyramid {
  readonly image: Size;
  readonly tilePx: number;
  readonly levels: readonly Size[];
}

export interface Tile {
  readonly level: number;
  readonly column: number;
  readonly row: number;
}

export const keyOf = ({ level, column, row }: Tile): string => `${level}/${column}/${row}`;

/** Image pixels that one pixel of a level stands for, along each side. */
export const factorOf = ({ levels }: Pyramid, level: number): number =>
  2 ** (levels.length - 1 - level);

/** The level whose pixels are nearest to those of the screen; `zoom` is in device pixels. */
export function levelAt({ levels }: Pyramid, zoom: number): number {
  const last = levels.length - 1;
  return last - clamp(Math.round(Math.log2(1 / zoom)), 0, last);
}

/** What a tile shows, in image pixels; at the far edges it may reach beyond the image. */
export function regionOf(pyramid: Pyramid, { level, column, row }: Tile): Bbox {
  const side = pyramid.tilePx * factorOf(pyramid, level);
  return [column * side, row * side, (column + 1) * side, (row + 1) * side];
}

/** A level's tiles that a region touches, those in its middle first. */
export function tilesIn(pyramid: Pyramid, level: number, region: Bbox): Tile[] {
  const { image, tilePx, levels } = pyramid;
  const size = levels[level];
  if (!size || !overlaps(region, [0, 0, image.width, image.height])) return [];
  const side = tilePx * factorOf(pyramid, level);
  const along = (low: number, high: number, length: number) => {
    const last = Math.ceil(length / tilePx) - 1;
    return [
      clamp(Math.floor(low / side), 0, last),
      clamp(Math.floor(high / side), 0, last),
    ] as const;
  };
  const [left, right] = along(region[0], region[2], size.width);
  const [top, bottom] = along(region[1], region[3], size.height);
  const found: Tile[] = [];
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) found.push({ level, column, row });
  }
  const [x, y] = [(left + right) / 2, (top + bottom) / 2];
  const far = ({ column, row }: Tile) => Math.hypot(column - x, row - y);
  return found.sort((a, b) => far(a) - far(b));
}

/**
 * What to have for a region: first the coarse tiles that fill the gaps, then the sharp ones.
 */
export function tilesFor(pyramid: Pyramid, zoom: number, region: Bbox): Tile[] {
  const level = levelAt(pyramid, zoom);
  const coarse = Math.max(0, level - 3);
  return [0, coarse, level]
    .filter((each, index, all) => all.indexOf(each) === index)
    .flatMap((each) => tilesIn(pyramid, each, region));
}
