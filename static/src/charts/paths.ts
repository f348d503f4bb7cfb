/** SVG path data of many points, no longer than the screen can show. */
type Place = (value: number) => number;

/**
 * A line through points, with at most four of them a pixel column, and its lone points.
 *
 * Of a run of points in one column the first, lowest, highest and last are kept: the
 * picture is the same to the pixel, for a hundred points or a hundred thousand. What
 * has no place (NaN, or zero on a log axis) is a gap; a point between gaps is a dot.
 */
export function linePath(
  xs: readonly number[],
  ys: readonly number[],
  [atX, atY]: readonly [Place, Place],
): { readonly line: string; readonly dots: string } {
  const pen = new Pen();
  for (let at = 0; at < xs.length; at++) {
    const [x, y] = [atX(xs[at] ?? Number.NaN), atY(ys[at] ?? Number.NaN)];
    if (Number.isFinite(x) && Number.isFinite(y)) pen.to({ x, y });
    else pen.lift();
  }
  pen.lift();
  return pen;
}

class Pen {
  line = "";
  dots = "";
  #column = Number.NaN;
  #run: { first: Point; low: Point; high: Point; last: Point } | null = null;
  #drawn: Point[] = [];

  to(point: Point): void {
    const run = this.#run;
    if (run && Math.floor(point.x) === this.#column) {
      if (point.y < run.low.y) run.low = point;
      if (point.y > run.high.y) run.high = point;
      run.last = point;
      return;
    }
    this.#flush();
    this.#column = Math.floor(point.x);
    this.#run = { first: point, low: point, high: point, last: point };
  }

  lift(): void {
    this.#flush();
    const [first, ...rest] = this.#drawn.map(({ x, y }) => `${tenths(x)} ${tenths(y)}`);
    this.#drawn = [];
    if (first === undefined) return;
    if (rest.length === 0) this.dots += `M${first}h0`;
    else this.line += `M${first}${rest.map((point) => `L${point}`).join("")}`;
  }

  #flush(): void {
    if (!this.#run) return;
    const { first, low, high, last } = this.#run;
    this.#drawn.push(...new Set([first, low, high, last]));
    this.#run = null;
  }
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** A dot at each point, drawn by the round caps of lines without length; one a pixel. */
export function dotsPath(
  xs: readonly number[],
  ys: readonly number[],
  [atX, atY]: readonly [Place, Place],
): string {
  const dots = new Set<string>();
  for (let at = 0; at < xs.length; at++) {
    const [x, y] = [atX(xs[at] ?? Number.NaN), atY(ys[at] ?? Number.NaN)];
    if (Number.isFinite(x) && Number.isFinite(y)) dots.add(`M${Math.round(x)} ${Math.round(y)}h0`);
  }
  return [...dots].join("");
}

/** Bars from the zero line, `width` wide and `shift` beside the middle of their place. */
export function barsPath(
  xs: readonly number[],
  ys: readonly number[],
  [atX, atY]: readonly [Place, Place],
  { width, shift, base }: { width: number; shift: number; base: number },
): string {
  let data = "";
  for (let at = 0; at < xs.length; at++) {
    const [x, y] = [atX(xs[at] ?? Number.NaN), atY(ys[at] ?? Number.NaN)];
    if (!Number.isFinite(x) || !Number.isFinite(y) || y === base) continue;
    const left = tenths(x + shift - width / 2);
    data += `M${left} ${tenths(base)}V${tenths(y)}h${tenths(width)}V${tenths(base)}z`;
  }
  return data;
}

export function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
