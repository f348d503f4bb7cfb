import { barsPath, dotsPath, linePath } from "./paths.ts";
import {
  category,
  type Domain,
  domainOf,
  fitted,
  linear,
  log,
  type Mapping,
  rounded,
  type Span,
  time,
  widened,
} from "./scales.ts";
import type { Axis, Series, Spec } from "./spec.ts";

export interface Size {
  readonly width: number;
  readonly height: number;
  /** Height of the letters, in pixels. */
  readonly em: number;
}

export interface Frame {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export interface Line {
  readonly role: "grid" | "axis" | "line" | "dots" | "bars";
  readonly d: string;
  /** Number of its series, for its colour; grid and axis have none. */
  readonly series?: number;
}

export interface Label {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly anchor: "start" | "middle" | "end";
}

/** A chart as paths and words with their places; nothing here knows the browser. */
export interface Scene {
  readonly frame: Frame;
  readonly behind: readonly Line[];
  readonly lines: readonly Line[];
  readonly labels: readonly Label[];
  readonly x: Mapping;
  readonly y: Mapping;
}

export interface View {
  readonly size: Size;
  readonly language: string;
  /** Names of series that the reader has switched off. */
  readonly hidden: ReadonlySet<string>;
}

const WIDEST_BAR_EM = 4;
const GAP_EM = 0.6;

/** Null when there is no point that could be drawn. */
export function composed(spec: Spec, view: View): Scene | null {
  const shown = spec.series.filter(({ name }) => !view.hidden.has(name));
  const domains = { x: xDomain(spec, shown), y: yDomain(spec, shown) };
  if (!domains.x || !domains.y) return null;

  const { em, width, height } = view.size;
  const { language } = view;
  const top = axisTitle(spec.y) ? em * 2.2 : em;
  const bottom = height - em * (axisTitle(spec.x) ? 3.4 : 2);
  const rowEm = spec.y.scale === "log" ? 2 : 3;
  const numRows = Math.max(2, Math.floor((bottom - top) / (em * rowEm)));
  const y = yMapping(spec, domains.y, { from: bottom, to: top, numTicks: numRows, language });
  const widest = Math.max(...y.ticks.map(({ text }) => textWidth(text, em)));
  const frame = { left: widest + em, top, right: width - em, bottom };
  const x = xMapping(spec, domains.x, frame, view);
  return {
    frame,
    x,
    y,
    behind: [...gridOf(y, frame), axisOf(spec, y, frame)],
    lines: spec.series.flatMap((one, at) =>
      shown.includes(one) ? linesOf(spec, shown, one, at, { x, y, frame, em }) : [],
    ),
    labels: labelsOf(spec, { x, y, frame, em, width, height }),
  };
}

function xDomain(spec: Spec, shown: readonly Series[]): Domain | null {
  if (spec.x.scale === "category") {
    const high = spec.categories.length - 1;
    return high < 0 ? null : { low: 0, high, isWhole: true };
  }
  return domainOf(
    shown.map(({ x }) => x),
    allowed(spec.x),
  );
}

function yDomain(spec: Spec, shown: readonly Series[]): Domain | null {
  const domain = domainOf(
    shown.map(({ y }) => y),
    allowed(spec.y),
  );
  if (!domain || spec.kind !== "bar" || spec.y.scale === "log") return domain;
  return { ...domain, low: Math.min(0, domain.low), high: Math.max(0, domain.high) };
}

function allowed({ scale }: Axis): (value: number) => boolean {
  return scale === "log" ? (value) => value > 0 && Number.isFinite(value) : Number.isFinite;
}

function yMapping(spec: Spec, domain: Domain, span: Span): Mapping {
  const fit = fitted(domain, spec.y);
  if (spec.y.scale === "log") return log(widened(fit, spec.y), span);
  return linear(rounded(fit, span.numTicks, spec.y), span);
}

function xMapping(spec: Spec, domain: Domain, frame: Frame, view: View): Mapping {
  const { em } = view.size;
  const room = frame.right - frame.left;
  const inset = spec.kind === "scatter" ? em : 0;
  const place = { from: frame.left + inset, to: frame.right - inset, language: view.language };
  const numFor = (texts: readonly string[]) =>
    Math.max(
      1,
      Math.floor(room / (Math.max(...texts.map((text) => textWidth(text, em))) + em * 1.2)),
    );
  if (spec.x.scale === "category") {
    return category(spec.categories, { ...place, numTicks: numFor(spec.categories) });
  }
  const fit = barFitted(spec, fitted(domain, spec.x));
  const make = { linear, log, time }[spec.x.scale];
  const trial = make(fit, { ...place, numTicks: Math.max(2, room / (em * 7)) });
  const numTicks = numFor(trial.ticks.map(({ text }) => text).concat("00"));
  return make(fit, { ...place, numTicks: Math.max(2, Math.min(numTicks, room / (em * 5))) });
}

/** Bars at numbers need half a place more at both ends. */
function barFitted(spec: Spec, domain: Domain): Domain {
  if (spec.kind !== "bar") return domain;
  const most = Math.max(1, ...spec.series.map(({ x }) => x.length));
  const half = (domain.high - domain.low) / Math.max(1, most - 1) / 2;
  return { ...domain, low: domain.low - half, high: domain.high + half };
}

function gridOf(y: Mapping, { left, right }: Frame): Line[] {
  const d = y.ticks.map(({ value }) => `M${left} ${crisp(y.at(value))}H${right}`).join("");
  return [{ role: "grid", d }];
}

function axisOf(spec: Spec, y: Mapping, { left, right, bottom }: Frame): Line {
  const zero = spec.kind === "bar" && spec.y.scale !== "log" ? y.at(0) : bottom;
  return { role: "axis", d: `M${left} ${crisp(zero)}H${right}` };
}

function crisp(pixel: number): number {
  return Math.round(pixel) + 0.5;
}

interface Places {
  readonly x: Mapping;
  readonly y: Mapping;
  readonly frame: Frame;
  readonly em: number;
}

function linesOf(
  spec: Spec,
  shown: readonly Series[],
  series: Series,
  number: number,
  places: Places,
): Line[] {
  const at = [places.x.at, places.y.at] as const;
  if (spec.kind === "bar") {
    const bar = barOf(spec, shown, series, places);
    return [{ role: "bars", d: barsPath(series.x, series.y, at, bar), series: number }];
  }
  if (spec.kind === "scatter") {
    return [{ role: "dots", d: dotsPath(series.x, series.y, at), series: number }];
  }
  const { line, dots } = linePath(series.x, series.y, at);
  return [
    { role: "line", d: line, series: number },
    { role: "dots", d: dots, series: number },
  ];
}

function barOf(spec: Spec, shown: readonly Series[], series: Series, places: Places) {
  const { frame, y, em } = places;
  const most = Math.max(spec.categories.length, ...shown.map(({ x }) => x.length));
  const band = (frame.right - frame.left) / Math.max(1, most);
  const width = Math.min((band * 0.72) / shown.length, em * WIDEST_BAR_EM);
  const middle = (shown.length - 1) / 2;
  return {
    width: Math.max(1, width - (shown.length > 1 ? 1 : 0)),
    shift: (shown.indexOf(series) - middle) * width,
    base: spec.y.scale === "log" ? frame.bottom : y.at(0),
  };
}

function labelsOf(spec: Spec, places: Places & { width: number; height: number }): Label[] {
  const { x, y, frame, em, width, height } = places;
  const labels: Label[] = y.ticks.map(({ value, text }) => ({
    x: frame.left - em * GAP_EM,
    y: y.at(value) + em * 0.35,
    text,
    anchor: "end",
  }));
  for (const { value, text } of x.ticks) {
    const half = textWidth(text, em) / 2;
    const middle = Math.min(Math.max(x.at(value), half), width - half);
    labels.push({ x: middle, y: frame.bottom + em * 1.5, text, anchor: "middle" });
  }
  labels.push({ x: 0, y: em, text: axisTitle(spec.y), anchor: "start" });
  labels.push({
    x: (frame.left + frame.right) / 2,
    y: height - em * 0.4,
    text: axisTitle(spec.x),
    anchor: "middle",
  });
  return labels.filter(({ text }) => text !== "");
}

/** "Loss (nats)". */
export function axisTitle({ label, unit }: Axis): string {
  return unit ? `${label} (${unit})`.trim() : label;
}

/** About as wide as the browser will draw it; Chinese letters are square. */
export function textWidth(text: string, em: number): number {
  let ems = 0;
  for (const letter of text) ems += (letter.codePointAt(0) ?? 0) > 0x2e80 ? 1 : 0.6;
  return ems * em;
}
