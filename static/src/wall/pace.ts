const MOST_PAGES = 5;
/** A page that stood for longer than this was left alone. */
const IDLE_MS = 120_000;

/** How fast a person goes through pages, from the last few. */
export class Pace {
  #begun: number;
  #msEach: readonly number[] = [];

  constructor(now: number) {
    this.#begun = now;
  }

  pageDone(now: number, numTiles: number): void {
    const took = now - this.#begun;
    this.#begun = now;
    if (took > IDLE_MS || numTiles === 0) return;
    this.#msEach = [...this.#msEach, took / numTiles].slice(-MOST_PAGES);
  }

  /** Minutes that so many proposals will take; null before the first page. */
  minutesFor(count: number): number | null {
    if (this.#msEach.length === 0) return null;
    const mean = this.#msEach.reduce((sum, ms) => sum + ms, 0) / this.#msEach.length;
    return (mean * count) / 60_000;
  }
}
