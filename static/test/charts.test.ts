import { expect, test } from "vitest";
import { barsPath, dotsPath, linePath } from "../src/charts/paths.ts";
import { inASentence, pointNear, readAt, stopNear, stopsOf } from "../src/charts/readout.ts";
import { csvOf, tableOf } from "../src/charts/rows.ts";
import { linear, log, time } from "../src/charts/scales.ts";
import { composed } from "../src/charts/scene.ts";
import { readSpec } from "../src/charts/spec.ts";
import { seeded } from "./seeded.ts";

const same = (value: number) => value;
const places = [same, same] as const;
const span = { from: 0, to: 100, numTicks: 5, language: "en" };
const size = { width: 600, height: 240, em: 12 };
const none: ReadonlySet<string> = new Set();

function chart(extra: Record<string, unknown> = {}, series: unknown[] = []) {
  return readSpec({
    title: "Loss",
    kind: "line",
    x: { label: "Step" },
    y: { label: "Loss", unit: "nats" },
    series,
    ...extra,
  });
}

const texts = (spec: ReturnType<typeof chart>) =>
  composed(spec, { size, language: "en", hidden: none })?.labels.map(({ text }) => text);

test("a hundred thousand points need at most four a pixel, and keep their extremes", () => {
  const random = seeded(7);
  const num = 100_000;
  const xs = Array.from({ length: num }, (_, at) => (at / num) * 300);
  const ys = xs.map(() => 100 * random());
  ys[54_321] = -7;
  ys[54_322] = 222;

  const { line } = linePath(xs, ys, places);

  const drawn = line.slice(1).split("L");
  expect(drawn.length).toBeLessThanOrEqual(4 * 300);
  const heights = drawn.map((point) => Number(point.split(" ")[1]));
  expect([Math.min(...heights), Math.max(...heights)]).toEqual([-7, 222]);
});

test("what is no number is a gap, and a point between gaps is a dot", () => {
  const ys = [1, 2, Number.NaN, 4, Number.NaN, 6, 7];

  expect(linePath([0, 10, 20, 30, 40, 50, 60], ys, places)).toMatchObject({
    line: "M0 1L10 2M50 6L60 7",
    dots: "M30 4h0",
  });
});

test("dots on one pixel are drawn once", () => {
  expect(dotsPath([1, 1.2, 9], [5, 5.1, 5], places)).toBe("M1 5h0M9 5h0");
});

test("bars stand on the zero line, below it too; none is drawn for zero", () => {
  const bars = barsPath([10, 20, 30], [40, 60, 50], places, { width: 4, shift: 0, base: 50 });

  expect(bars).toBe("M8 50V40h4V50zM18 50V60h4V50z");
});

test("ticks are round, and whole where everything counted is", () => {
  const ticks = (low: number, high: number, isWhole = false) =>
    linear({ low, high, isWhole }, span).ticks.map(({ text }) => text);

  expect(ticks(0, 1)).toEqual(["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
  expect(ticks(0, 2, true)).toEqual(["0", "1", "2"]);
  expect(ticks(0, 4_000_000)).toEqual(["0", "1M", "2M", "3M", "4M"]);
  expect(ticks(0.1, 0.3)).toEqual(["0.10", "0.15", "0.20", "0.25", "0.30"]);
});

test("a log axis has its powers, and twos and fives where there is room", () => {
  const ticks = (low: number, high: number) =>
    log({ low, high, isWhole: false }, span).ticks.map(({ text }) => text);

  expect(ticks(0.3, 3)).toEqual(["0.5", "1", "2"]);
  expect(ticks(0.001, 1000)).toEqual(["0.01", "1", "100"]);
});

test("moments are marked at round times of the reader's clock", () => {
  const noon = Date.UTC(2026, 5, 1, 12) / 1000;
  const { ticks } = time({ low: noon + 60, high: noon + 3 * 3600, isWhole: true }, span, 7200);

  expect(ticks.map(({ value }) => (value - noon) / 3600)).toEqual([1, 2, 3]);
});

test("units stand on the axes, and a chart without a value is none", () => {
  const spec = chart({}, [{ name: "train", x: [1, 2], y: [0.5, 0.25] }]);

  expect(texts(spec)).toContain("Loss (nats)");
  expect(texts(spec)).toContain("Step");
  expect(texts(chart())).toBeUndefined();
  expect(texts(chart({}, [{ name: "train", x: [1], y: [null] }]))).toBeUndefined();
  expect(
    texts(chart({ y: { label: "", scale: "log" } }, [{ name: "a", x: [1], y: [0] }])),
  ).toBeUndefined();
});

test("series that are switched off are not drawn and not read", () => {
  const spec = chart({}, [
    { name: "a", x: [1, 2], y: [1, 2] },
    { name: "b", x: [2, 3], y: [7, 8] },
  ]);
  const hidden = new Set(["b"]);

  const scene = composed(spec, { size, language: "en", hidden });

  expect(new Set(scene?.lines.map(({ series }) => series))).toEqual(new Set([0]));
  expect([...stopsOf(spec, hidden)]).toEqual([1, 2]);
  expect(readAt(spec, hidden, 2).readings.map(({ name }) => name)).toEqual(["a"]);
});

test("the place nearest to the pointer is read, and said as one sentence", () => {
  const spec = chart({}, [
    { name: "train", x: [0, 10, 20], y: [3, 2, 1.23456] },
    { name: "val", x: [20], y: [1.5] },
  ]);
  const scene = composed(spec, { size, language: "en", hidden: none });
  const stops = stopsOf(spec, none);

  const stop = scene ? stopNear(stops, scene.x.at(16), scene) : -1;

  expect([...stops]).toEqual([0, 10, 20]);
  expect(stop).toBe(2);
  expect(inASentence(spec, readAt(spec, none, 20), "en")).toBe(
    "Step 20: train 1.235 nats, val 1.5 nats",
  );
});

test("of a cloud the point nearest in both directions is read", () => {
  const cloud = { name: "a", x: [1, 1, 9], y: [1, 9, 5], behind: [0, 3, 1] };
  const spec = chart({ kind: "scatter" }, [cloud]);
  const scene = composed(spec, { size, language: "en", hidden: none });
  const place = scene && { x: scene.x.at(1.5), y: scene.y.at(8) };

  const found = scene && place && pointNear(spec, none, place, scene);

  expect(found).toEqual({ x: 1, readings: [{ series: 0, name: "a", y: 9, at: 1, behind: 3 }] });
});

test("the file has every number, quotes what needs it and holds no formula", () => {
  const classes = { label: "Class", scale: "category" };
  const spec = chart({ kind: "bar", x: classes }, [
    { name: "=1+1", x: ['a "b"', "-c"], y: [1 / 3, null] },
  ]);

  expect(csvOf(spec)).toBe(`Class,'=1+1\r\n"a ""b""",${1 / 3}\r\n`);
});

test("points that share a place get a row each, in the file as in the table", () => {
  const spec = chart({}, [{ name: "scratch", x: [0.5, 0.5], y: [0.9, 0.8] }]);

  expect(csvOf(spec)).toBe(",Step,Loss (nats)\r\nscratch,0.5,0.9\r\nscratch,0.5,0.8\r\n");
});

test("a long table shows evenly chosen rows and says how many there are", () => {
  const xs = Array.from({ length: 1000 }, (_, at) => at);
  const table = tableOf(chart({}, [{ name: "a", x: xs, y: xs }]), "en", 100);

  expect(table.numRows).toBe(1000);
  expect(table.rows.slice(0, 2)).toEqual([
    ["0", "0 nats"],
    ["10", "10 nats"],
  ]);
  expect(table.rows).toHaveLength(101);
});

test("what is no chart is refused with the name of the field", () => {
  expect(() => chart({ kind: "pie" })).toThrow("kind must be one of line, bar, scatter, got pie");
  expect(() => chart({}, [{ name: "a", x: [1], y: [] }])).toThrow("a: x has 1 values, y has 0");
  expect(() => readSpec(null)).toThrow("chart is missing");
});
