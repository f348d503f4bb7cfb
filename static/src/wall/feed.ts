import type { Ring } from "../editor/core/geometry.ts";
import type { Bbox } from "../editor/core/units.ts";
import type { Tile } from "./page.ts";

export interface ProposalWire {
  readonly id: string;
  readonly image_id: number;
  readonly label_id: number;
  readonly score: number;
  readonly bbox: Bbox;
  /** A polygon's rings; a mask is shown by its box. */
  readonly geometry?: { readonly points?: Ring; readonly holes?: readonly Ring[] } | null;
  readonly crop: Bbox;
  readonly crop_url: string;
}

export interface Batch {
  readonly results: readonly ProposalWire[];
  /** Where the rest is; null at the end. */
  readonly next: string | null;
}

/** Proposals of one label after another, best first, as many at a time as are asked for. */
export class Feed {
  readonly #read: (url: string) => Promise<Batch>;
  readonly #seen: Set<string>;
  #urls: string[];
  #buffer: Tile[] = [];

  /**
   * @param urls the first address of each label's proposals, in the order of the wall.
   * @param decided ids that were decided here but that the server may not know of yet.
   */
  constructor(
    read: (url: string) => Promise<Batch>,
    urls: readonly string[],
    decided: Iterable<string> = [],
  ) {
    this.#read = read;
    this.#urls = [...urls];
    this.#seen = new Set(decided);
  }

  /** The next tiles; fewer than asked for only at the end. */
  async take(count: number): Promise<Tile[]> {
    await this.#fill(count);
    return this.#buffer.splice(0, count);
  }

  /** What comes next, without taking it: to fetch its pictures ahead. */
  async peek(count: number): Promise<readonly Tile[]> {
    await this.#fill(count);
    return this.#buffer.slice(0, count);
  }

  giveBack(tiles: readonly Tile[]): void {
    this.#buffer.unshift(...tiles);
  }

  async #fill(count: number): Promise<void> {
    while (this.#buffer.length < count) {
      const [url, ...rest] = this.#urls;
      if (url === undefined) return;
      const { results, next } = await this.#read(url);
      this.#urls = next ? [next, ...rest] : rest;
      for (const row of results) {
        if (this.#seen.has(row.id)) continue;
        this.#seen.add(row.id);
        this.#buffer.push(toTile(row));
      }
    }
  }
}

function toTile(row: ProposalWire): Tile {
  const { points, holes = [] } = row.geometry ?? {};
  return {
    id: row.id,
    imageId: row.image_id,
    labelId: row.label_id,
    score: row.score,
    bbox: row.bbox,
    outline: points ? [points, ...holes] : null,
    crop: row.crop,
    url: row.crop_url,
  };
}
