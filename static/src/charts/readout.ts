import { fullMoment, inFigures, withUnit } from "./numbers.ts";
import type { Scene } from "./scene.ts";
import type { Series, Spec } from "./spec.ts";

export interface Reading {
  /** Number of the series in the chart. */
  readonly series: number;
  readonly name: string;
  readonly y: number;
  /** Index of the point in its series. */
  readonly at: number;
  /** How many things the page can show for it. */
  readonly behind: number;
}

/** What the chart says at one place of its x axis. */
export interface Readout {
  readonly x: number;
  readonly readings: readonly Reading[];
}

/** The places at which a chart can be read, in order, each once. */
export function stopsOf(spec: Spec, hidden: ReadonlySet<string>): Float64Array {
  const all: number[] = [];
  for (const { name, x, y } of spec.series) {
    if (hidden.has(name)) continue;
    for (let at = 0; at < x.length; at++) {
      if (Number.isFinite(y[at])) all.push(x[at] ?? Number.NaN);
    }
  }
  const sorted = Float64Array.from(all).sort();
  return sorted.filter((value, at) => value !== sorted[at - 1]);
}

/** The index of the stop next to a pixel. */
export function stopNear(stops: Float64Array, pixel: number, scene: Scene): number {
  let [low, high] = [0, stops.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (scene.x.at(stops[middle] ?? 0) < pixel) low = middle + 1;
    else high = middle;
  }
  const distance = (at: number) => Math.abs(scene.x.at(stops[at] ?? Number.NaN) - pixel);
  return low > 0 && distance(low - 1) < distance(low) ? low - 1 : low;
}

/** The last value that each shown series has exactly here. */
export function readAt(spec: Spec, hidden: ReadonlySet<string>, x: number): Readout {
  const readings = spec.series.flatMap((series, number) => {
    const at = hidden.has(series.name) ? -1 : series.x.lastIndexOf(x);
    const y = series.y[at];
    return y === undefined || !Number.isFinite(y) ? [] : [reading(series, number, at)];
  });
  return { x, readings };
}

/** The point of a scatter chart that is closest to a place on the screen. */
export function pointNear(
  spec: Spec,
  hidden: ReadonlySet<string>,
  place: { readonly x: number; readonly y: number },
  scene: Scene,
): Readout | null {
  let found: Readout | null = null;
  let least = Number.POSITIVE_INFINITY;
  spec.series.forEach((series, number) => {
    if (hidden.has(series.name)) return;
    const { at, distance } = closest(series, place, scene);
    if (distance >= least) return;
    least = distance;
    found = { x: series.x[at] ?? Number.NaN, readings: [reading(series, number, at)] };
  });
  return found;
}

function reading({ name, y, behind }: Series, series: number, at: number): Reading {
  return { series, name, y: y[at] ?? Number.NaN, at, behind: behind[at] ?? 0 };
}

function closest(series: Series, place: { x: number; y: number }, scene: Scene) {
  let [at, distance] = [-1, Number.POSITIVE_INFINITY];
  for (let index = 0; index < series.x.length; index++) {
    const across = scene.x.at(series.x[index] ?? Number.NaN) - place.x;
    const down = scene.y.at(series.y[index] ?? Number.NaN) - place.y;
    const length = across * across + down * down;
    if (length < distance) [at, distance] = [index, length];
  }
  return { at, distance };
}

export function xInWords(spec: Spec, x: number, language: string): string {
  if (spec.x.scale === "category") return spec.categories[x] ?? "";
  if (spec.x.scale === "time") return fullMoment(x, language);
  return withUnit(inFigures(x, language), spec.x.unit);
}

export function yInWords(spec: Spec, y: number, language: string): string {
  return withUnit(inFigures(y, language), spec.y.unit);
}

/** "Epoch 12"; a category or a moment needs no name before it. */
export function placeInWords(spec: Spec, x: number, language: string): string {
  const words = xInWords(spec, x, language);
  return spec.x.scale === "linear" || spec.x.scale === "log" ? `${spec.x.label} ${words}` : words;
}

/** The whole read-out as one sentence, for a screen reader. */
export function inASentence(spec: Spec, { x, readings }: Readout, language: string): string {
  const values = readings.map(({ name, y }) => `${name} ${yInWords(spec, y, language)}`);
  return `${placeInWords(spec, x, language)}: ${values.join(", ")}`;
}
