/** What a chart shows, as the server sends it and as the drawing reads it. */
export type Kind = "line" | "bar" | "scatter";
export type Scale = "linear" | "log" | "time" | "category";

export interface Axis {
  readonly label: string;
  readonly unit: string;
  readonly scale: Scale;
  readonly min: number | null;
  readonly max: number | null;
}

/** Two columns of one length; they grow while a run reports. NaN in y is a gap. */
export interface Series {
  readonly name: string;
  readonly x: number[];
  readonly y: number[];
  /** How many things the page can show for each point; empty where for none. */
  readonly behind: readonly number[];
}

export interface Spec {
  readonly title: string;
  readonly kind: Kind;
  readonly x: Axis;
  readonly y: Axis;
  /** Names along a category axis; a point's x is its index here. */
  readonly categories: string[];
  readonly series: Series[];
}

type Raw = Readonly<Record<string, unknown>>;

/**
 * Read what the server sent.
 *
 * Throws an Error that names the field where it is no chart.
 */
export function readSpec(raw: unknown): Spec {
  const chart = asRecord(raw, "chart");
  const x = readAxis(chart["x"], "x", ["linear", "log", "time", "category"]);
  const categories: string[] = [];
  const series = asList(chart["series"], "series").map((one, at) =>
    readSeries(asRecord(one, `series[${at}]`), x.scale === "category" ? categories : null),
  );
  return {
    title: String(chart["title"] ?? ""),
    kind: oneOf(chart["kind"], "kind", ["line", "bar", "scatter"]),
    x,
    y: readAxis(chart["y"], "y", ["linear", "log"]),
    categories,
    series,
  };
}

function readAxis(raw: unknown, name: string, scales: readonly Scale[]): Axis {
  const axis = asRecord(raw, name);
  return {
    label: String(axis["label"] ?? ""),
    unit: String(axis["unit"] ?? ""),
    scale: oneOf(axis["scale"] ?? "linear", `${name}.scale`, scales),
    min: typeof axis["min"] === "number" ? axis["min"] : null,
    max: typeof axis["max"] === "number" ? axis["max"] : null,
  };
}

function readSeries(raw: Raw, categories: string[] | null): Series {
  const name = String(raw["name"] ?? "");
  const xs = asList(raw["x"], `${name}.x`);
  const ys = asList(raw["y"], `${name}.y`);
  if (xs.length !== ys.length) {
    throw new Error(`${name}: x has ${xs.length} values, y has ${ys.length}`);
  }
  return {
    name,
    x: xs.map((value) => (categories ? indexOf(String(value), categories) : asNumber(value))),
    y: ys.map(asNumber),
    behind: asList(raw["behind"] ?? [], `${name}.behind`).map(asNumber),
  };
}

/** The index of a category, which is added at the end when it is new. */
export function indexOf(category: string, categories: string[]): number {
  const at = categories.indexOf(category);
  return at >= 0 ? at : categories.push(category) - 1;
}

function asNumber(value: unknown): number {
  return typeof value === "number" ? value : Number.NaN;
}

function asRecord(value: unknown, name: string): Raw {
  if (typeof value === "object" && value !== null) return value as Raw;
  throw new Error(`${name} is missing`);
}

function asList(value: unknown, name: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error(`${name} must be a list`);
}

function oneOf<T extends string>(value: unknown, name: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found) return found;
  throw new Error(`${name} must be one of ${choices.join(", ")}, got ${String(value)}`);
}
