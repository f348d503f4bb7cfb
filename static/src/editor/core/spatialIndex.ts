import { type Bbox, overlaps } from "./units.ts";

interface Entry {
  readonly id: string;
  readonly bbox: Bbox;
  readonly level: number;
  readonly column: number;
  readonly row: number;
}

/**
 * Boxes by place: a grid for each power of two of size.
 *
 * A box lies in the cell of its centre, in the grid whose cells are at least as large as
 * the box, so it sticks out by half a cell at most. Adding and removing is constant time,
 * and the cost of a query follows what it finds, whatever mix of sizes there is.
 */
export class SpatialIndex {
  readonly #entries = new Map<string, Entry>();
  readonly #grids = new Map<number, Map<string, Set<Entry>>>();

  get size(): number {
    return this.#entries.size;
  }

  /** Add a box, or move it to where it is now. */
  set(id: string, bbox: Bbox): void {
    this.delete(id);
    const side = Math.max(bbox[2] - bbox[0], bbox[3] - bbox[1], 1);
    const level = Math.ceil(Math.log2(side));
    const cell = 2 ** level;
    const entry: Entry = {
      id,
      bbox,
      level,
      column: Math.floor((bbox[0] + bbox[2]) / 2 / cell),
      row: Math.floor((bbox[1] + bbox[3]) / 2 / cell),
    };
    const grid = this.#grids.get(level) ?? new Map<string, Set<Entry>>();
    this.#grids.set(level, grid);
    const key = `${entry.column},${entry.row}`;
    const members = grid.get(key);
    if (members) members.add(entry);
    else grid.set(key, new Set([entry]));
    this.#entries.set(id, entry);
  }

  delete(id: string): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.#entries.delete(id);
    const grid = this.#grids.get(entry.level);
    const key = `${entry.column},${entry.row}`;
    const members = grid?.get(key);
    members?.delete(entry);
    if (members?.size === 0) grid?.delete(key);
    if (grid?.size === 0) this.#grids.delete(entry.level);
  }

  clear(): void {
    this.#entries.clear();
    this.#grids.clear();
  }

  /** The ids of all boxes that touch the region, in no order. */
  query(region: Bbox): string[] {
    const found: string[] = [];
    for (const [level, grid] of this.#grids) {
      for (const members of cellsAround(grid, 2 ** level, region)) {
        for (const { id, bbox } of members) if (overlaps(bbox, region)) found.push(id);
      }
    }
    return found;
  }
}

function* cellsAround(
  grid: ReadonlyMap<string, Set<Entry>>,
  cell: number,
  [x1, y1, x2, y2]: Bbox,
): Iterable<Set<Entry>> {
  const reach = cell / 2;
  const left = Math.floor((x1 - reach) / cell);
  const right = Math.floor((x2 + reach) / cell);
  const top = Math.floor((y1 - reach) / cell);
  const bottom = Math.floor((y2 + reach) / cell);
  if ((right - left + 1) * (bottom - top + 1) >= grid.size) {
    yield* grid.values();
    return;
  }
  for (let column = left; column <= right; column++) {
    for (let row = top; row <= bottom; row++) {
      const members = grid.get(`${column},${row}`);
      if (members) yield members;
    }
  }
}
