import { stopsOf, xInWords, yInWords } from "./readout.ts";
import { axisTitle } from "./scene.ts";
import type { Spec } from "./spec.ts";

const NONE: ReadonlySet<string> = new Set();

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** How many rows there would be without a limit. */
  readonly numRows: number;
}

/** The numbers behind a chart; `words` turns one into the text of a cell. */
interface Words {
  readonly name: (text: string) => string;
  readonly x: (value: number) => string;
  readonly y: (value: number) => string;
}

/** The numbers as people read them; beyond `most` rows, evenly chosen ones. */
export function tableOf(spec: Spec, language: string, most: number): Table {
  const words: Words = {
    name: (text) => text,
    x: (value) => xInWords(spec, value, language),
    y: (value) => yInWords(spec, value, language),
  };
  const { head, length, row } = layoutOf(spec);
  const every = Math.max(1, Math.ceil(length / most));
  const chosen = Array.from({ length }, (_, at) => at).filter(
    (at) => at % every === 0 || at === length - 1,
  );
  return { head, rows: chosen.map((at) => row(at, words)), numRows: length };
}

/** Every number in full, as a file that spreadsheets open (RFC 4180). */
export function csvOf(spec: Spec): string {
  const { head, length, row } = layoutOf(spec);
  const words: Words = {
    name: asText,
    x: (value) => rawX(spec, value),
    y: (value) => (Number.isFinite(value) ? String(value) : ""),
  };
  const rows = Array.from({ length }, (_, at) => row(at, words));
  return [head.map(asText), ...rows].map((cells) => `${cells.join(",")}\r\n`).join("");
}

interface Layout {
  readonly head: readonly string[];
  readonly length: number;
  readonly row: (at: number, words: Words) => string[];
}

/** A column a series where its places are unique, else a row a point. */
function layoutOf(spec: Spec): Layout {
  const isWide =
    spec.kind !== "scatter" && spec.series.every(({ x }) => new Set(x).size === x.length);
  return isWide ? wide(spec) : long(spec);
}

function wide(spec: Spec): Layout {
  const stops = stopsOf(spec, NONE);
  const columns = spec.series.map(({ x, y }) => new Map(x.map((value, at) => [value, y[at]])));
  return {
    head: [axisTitle(spec.x), ...spec.series.map(({ name }) => name || axisTitle(spec.y))],
    length: stops.length,
    row: (at, words) => {
      const x = stops[at] ?? Number.NaN;
      return [words.x(x), ...columns.map((column) => words.y(column.get(x) ?? Number.NaN))];
    },
  };
}

function long(spec: Spec): Layout {
  const points = spec.series.flatMap(({ name, x, y }) =>
    x.map((value, at) => ({ name, x: value, y: y[at] ?? Number.NaN })),
  );
  return {
    head: ["", axisTitle(spec.x), axisTitle(spec.y)],
    length: points.length,
    row: (at, words) => {
      const { name, x, y } = points[at] ?? { name: "", x: Number.NaN, y: Number.NaN };
      return [words.name(name), words.x(x), words.y(y)];
    },
  };
}

function rawX(spec: Spec, x: number): string {
  if (spec.x.scale === "category") return asText(spec.categories[x] ?? "");
  return spec.x.scale === "time" ? new Date(x * 1000).toISOString() : String(x);
}

/** Quoted, and never taken for a formula by the program that opens the file. */
function asText(text: string): string {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
