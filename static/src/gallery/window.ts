/** A grid of equal rows of which only the pages in sight are on the page. */
export interface Grid {
  readonly total: number;
  readonly columns: number;
  /** Of a row with the gap below it. */
  readonly rowPx: number;
  /** Images a request brings. */
  readonly page: number;
}

/** From the first page to the one after the last. */
export type Range = readonly [from: number, to: number];

/**
 * The pages to have: what is in sight, and a screen above and below it.
 *
 * `topPx` is where the first row stands, seen from the upper edge of the window.
 */
export function pagesFor(grid: Grid, topPx: number, heightPx: number): Range {
  const numPages = Math.ceil(grid.total / grid.page);
  const pageAt = (px: number) =>
    Math.floor((Math.floor(Math.max(0, px) / grid.rowPx) * grid.columns) / grid.page);
  const from = Math.min(pageAt(-topPx - heightPx), numPages - 1);
  const to = pageAt(-topPx + 2 * heightPx) + 1;
  return [Math.max(0, from), Math.max(from + 1, Math.min(to, numPages))];
}

/** The first image that is in sight, counted from 0. */
export function firstInSight(grid: Grid, topPx: number): number {
  const row = Math.round(Math.max(0, -topPx) / grid.rowPx);
  return Math.min(row * grid.columns, Math.max(0, grid.total - 1));
}

/** The loaded pages to show: without a gap, round the first one in sight. */
export function runAround(has: (page: number) => boolean, wanted: Range, sight: number): Range {
  if (!has(sight)) return [sight, sight];
  let [from, to] = [sight, sight + 1];
  while (from > wanted[0] && has(from - 1)) from -= 1;
  while (to < wanted[1] && has(to)) to += 1;
  return [from, to];
}

/** Room for what is not on the page, above and below images `from` to `to`. */
export function room(grid: Grid, from: number, to: number): readonly [number, number] {
  const above = Math.floor(from / grid.columns);
  const below = Math.ceil(grid.total / grid.columns) - Math.ceil(to / grid.columns);
  return [above * grid.rowPx, Math.max(0, below) * grid.rowPx];
}
