import type { Ring } from "../editor/core/geometry.ts";
import type { Bbox } from "../editor/core/units.ts";

/** A proposal as the wall shows it. */
export interface Tile {
  readonly id: string;
  readonly imageId: number;
  readonly labelId: number;
  readonly score: number;
  readonly bbox: Bbox;
  /** Of an outlined thing: its ring, then its holes'. */
  readonly outline?: readonly Ring[] | null;
  /** The region of the image that the picture shows. */
  readonly crop: Bbox;
  readonly url: string;
}

export interface Decision {
  readonly image_id: number;
  readonly id: string;
  readonly says: "accept" | "reject" | "open";
  readonly label_id: number | null;
}

/** What is drawn around what a tile shows. */
export function ringsOf({ outline, bbox: [x1, y1, x2, y2] }: Tile): readonly Ring[] {
  return (
    outline ?? [
      [
        [x1, y1],
        [x2, y1],
        [x2, y2],
        [x1, y2],
      ],
    ]
  );
}

/** One page of proposals and what a person has marked on it so far. */
export class Page {
  readonly tiles: readonly Tile[];
  #wrong: ReadonlySet<string> = new Set();
  #labels: ReadonlyMap<string, number> = new Map();

  constructor(tiles: readonly Tile[]) {
    this.tiles = tiles;
  }

  get numWrong(): number {
    return this.#wrong.size;
  }

  get numRight(): number {
    return this.tiles.length - this.#wrong.size;
  }

  isWrong(id: string): boolean {
    return this.#wrong.has(id);
  }

  labelOf(tile: Tile): number {
    return this.#labels.get(tile.id) ?? tile.labelId;
  }

  /** Mark as wrong; where all of them are, as right again. */
  toggleWrong(ids: readonly string[]): void {
    const isOn = ids.every((id) => this.#wrong.has(id));
    const rest = Array.from(this.#wrong).filter((id) => !ids.includes(id));
    this.#wrong = new Set(isOn ? rest : [...this.#wrong, ...ids]);
  }

  /** Give another label: so they are right after all. */
  relabel(ids: readonly string[], labelId: number): void {
    this.#labels = new Map([...this.#labels, ...ids.map((id) => [id, labelId] as const)]);
    this.#wrong = new Set(Array.from(this.#wrong).filter((id) => !ids.includes(id)));
  }

  decisions(): Decision[] {
    return this.tiles.map((tile) => {
      const labelId = this.labelOf(tile);
      return {
        image_id: tile.imageId,
        id: tile.id,
        says: this.isWrong(tile.id) ? "reject" : "accept",
        label_id: labelId === tile.labelId ? null : labelId,
      };
    });
  }

  /** What takes this page's decisions back. */
  reversal(): Decision[] {
    return this.tiles.map(({ imageId, id }) => ({
      image_id: imageId,
      id,
      says: "open",
      label_id: null,
    }));
  }
}
