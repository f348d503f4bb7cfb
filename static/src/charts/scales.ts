import { momentFormat, tickFormat } from "./numbers.ts";
import type { Axis } from "./spec.ts";

export interface Tick {
  readonly value: number;
  readonly text: string;
}

/** From values to pixels along one axis. */
export interface Mapping {
  readonly at: (value: number) => number;
  readonly ticks: readonly Tick[];
}

export interface Domain {
  readonly low: number;
  readonly high: number;
  /** Every value is a whole number, so that no tick may lie between two. */
  readonly isWhole: boolean;
}

export interface Span {
  readonly from: number;
  readonly to: number;
  readonly numTicks: number;
  readonly language: string;
}

/** The least and the greatest of many columns; null when there is nothing to draw. */
export function domainOf(
  columns: readonly (readonly number[])[],
  isAllowed: (value: number) => boolean,
): Domain | null {
  const domain = { low: Number.POSITIVE_INFINITY, high: Number.NEGATIVE_INFINITY, isWhole: true };
  const widen = (value: number) => {
    domain.low = Math.min(domain.low, value);
    domain.high = Math.max(domain.high, value);
    domain.isWhole &&= Number.isInteger(value);
  };
  for (const column of columns) {
    for (const value of column) if (isAllowed(value)) widen(value);
  }
  return domain.low <= domain.high ? domain : null;
}

/** The same domain with the axis's own ends, and never without length. */
export function fitted(domain: Domain, axis: Axis): Domain {
  const [low, high] = [axis.min ?? domain.low, axis.max ?? domain.high];
  if (low < high) return { ...domain, low, high };
  if (axis.scale === "log") return { ...domain, low: low / 2, high: low * 2 };
  const half = domain.isWhole ? 1 : Math.abs(low) * 0.05 || 1;
  return { ...domain, low: low - half, high: low + half };
}

/** Wider, to the ticks beyond its ends, so that a line does not touch the frame. */
export function rounded(domain: Domain, numTicks: number, axis: Axis): Domain {
  const step = stepFor(domain, numTicks);
  const low = axis.min ?? Math.floor(domain.low / step + 1e-9) * step;
  const high = axis.max ?? Math.ceil(domain.high / step - 1e-9) * step;
  return { ...domain, low, high };
}

export function widened(domain: Domain, axis: Axis): Domain {
  const margin = (domain.high / domain.low) ** 0.05;
  return {
    ...domain,
    low: axis.min ?? domain.low / margin,
    high: axis.max ?? domain.high * margin,
  };
}

export function linear(domain: Domain, span: Span): Mapping {
  const step = stepFor(domain, span.numTicks);
  const largest = Math.max(Math.abs(domain.low), Math.abs(domain.high));
  const format = tickFormat(step, largest, span.language);
  return {
    at: between(domain.low, domain.high, span),
    ticks: multiples(domain, step).map((value) => ({ value, text: format.format(value) })),
  };
}

const FEW = [1, 2, 5];

export function log(domain: Domain, span: Span): Mapping {
  const [low, high] = [Math.log10(domain.low), Math.log10(domain.high)];
  const place = between(low, high, span);
  const factors = high - low > span.numTicks / FEW.length ? [1] : FEW;
  const every = Math.max(1, Math.ceil((high - low) / span.numTicks));
  const first = Math.floor(low / every) * every;
  const powers = Array.from({ length: Math.ceil(high / every) - first / every + 1 }, (_, at) => {
    return first + at * every;
  });
  const ticks = powers
    .flatMap((power) => factors.map((factor) => Number(`${factor}e${power}`)))
    .filter((value) => value >= domain.low && value <= domain.high)
    .map((value) => ({ value, text: tickFormat(value, value, span.language).format(value) }));
  return { at: (value) => place(Math.log10(value)), ticks };
}

const DAY = 86_400;
const STEPS_S = [
  1,
  2,
  5,
  10,
  15,
  30,
  60,
  120,
  300,
  600,
  900,
  1800,
  3600,
  7200,
  10_800,
  21_600,
  43_200,
  DAY,
  2 * DAY,
  7 * DAY,
  14 * DAY,
  28 * DAY,
];

/** Moments in seconds since 1970; ticks lie on round times of the reader's own clock. */
export function time(domain: Domain, span: Span, offset_s = localOffset(domain.low)): Mapping {
  const wanted = (domain.high - domain.low) / span.numTicks;
  const longest = Math.ceil(wanted / (28 * DAY)) * 28 * DAY;
  const step = STEPS_S.find((seconds) => seconds >= wanted) ?? longest;
  const local = { low: domain.low + offset_s, high: domain.high + offset_s, isWhole: true };
  const format = momentFormat(step, span.language);
  return {
    at: between(domain.low, domain.high, span),
    ticks: multiples(local, step)
      .map((value) => value - offset_s)
      .map((value) => ({ value, text: format.format(value) })),
  };
}

function localOffset(seconds: number): number {
  return -new Date(seconds * 1000).getTimezoneOffset() * 60;
}

/** Category i owns the band from i - 1/2 to i + 1/2. */
export function category(names: readonly string[], span: Span): Mapping {
  const every = Math.max(1, Math.ceil(names.length / span.numTicks));
  return {
    at: between(-0.5, names.length - 0.5, span),
    ticks: names.map((text, value) => ({ value, text })).filter(({ value }) => value % every === 0),
  };
}

function between(low: number, high: number, { from, to }: Span): (value: number) => number {
  const perUnit = (to - from) / (high - low);
  return (value) => from + (value - low) * perUnit;
}

function stepFor(domain: Domain, numTicks: number): number {
  const raw = (domain.high - domain.low) / Math.max(1, numTicks);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999) ?? 10) * power;
  return domain.isWhole ? Math.max(1, step) : step;
}

function multiples({ low, high }: Domain, step: number): number[] {
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  const digits = Math.max(0, -Math.floor(Math.log10(step)) + 1);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, at) =>
    Number(((first + at) * step).toFixed(Math.min(20, digits))),
  );
}
