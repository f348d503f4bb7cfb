/** Values by the names that the trainer gives them. */
export type Series = Readonly<Record<string, number>>;

interface Told {
  readonly step: number;
  readonly values: Series;
  readonly labels: Readonly<Record<string, string>>;
  /** Moved on by what is returned. */
  readonly last: Map<string, number>;
}

/** What of an event is new to a chart, under the names of its series. */
export function newPoints({ step, values, labels, last }: Told): [string, number][] {
  const points: [string, number][] = [];
  for (const [key, name] of Object.entries(labels)) {
    const value = values[key];
    if (value === undefined || step <= (last.get(name) ?? -1)) continue;
    last.set(name, step);
    points.push([name, value]);
  }
  return points;
}
