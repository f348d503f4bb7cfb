import { expect, test } from "vitest";
import { firstInSight, type Grid, pagesFor, room, runAround } from "../src/gallery/window.ts";

const grid: Grid = { total: 100_000, columns: 5, rowPx: 200, page: 36 };

test("what is in sight is had with a screen above and below, and no more", () => {
  expect(pagesFor(grid, 300, 800)).toEqual([0, 1]);
  expect(pagesFor(grid, 0, 800)).toEqual([0, 2]);
  // Row 2500 is at the top: rows 2496 to 2508 are wanted, images 12,480 to 12,544.
  expect(pagesFor(grid, -500_000, 800)).toEqual([346, 349]);
  expect(pagesFor(grid, -3_999_200, 800)).toEqual([2776, 2778]);
  expect(pagesFor(grid, -9_999_999, 800)).toEqual([2777, 2778]);
  expect(pagesFor({ ...grid, total: 3 }, 300, 800)).toEqual([0, 1]);
});

test("the first image in sight is that of the first row that is half in it", () => {
  expect(firstInSight(grid, 300)).toBe(0);
  expect(firstInSight(grid, -90)).toBe(0);
  expect(firstInSight(grid, -110)).toBe(5);
  expect(firstInSight(grid, -500_000)).toBe(12_500);
  expect(firstInSight(grid, -9_999_999)).toBe(99_999);
});

test("pages are shown without a gap, round the one in sight", () => {
  const has = (page: number) => [3, 4, 6].includes(page);

  expect(runAround(has, [2, 8], 4)).toEqual([3, 5]);
  expect(runAround(has, [2, 8], 6)).toEqual([6, 7]);
  expect(runAround(has, [4, 8], 4)).toEqual([4, 5]);
  expect(runAround(has, [2, 8], 5)).toEqual([5, 5]);
});

test("the list is as long as all its rows, whichever of them are there", () => {
  const whole = 20_000 * grid.rowPx;

  for (const from of [0, 36, 12_492, 99_972]) {
    const to = Math.min(from + 36, grid.total);
    const [above, below] = room(grid, from, to);
    const rows = Math.ceil(((from % grid.columns) + to - from) / grid.columns);
    expect(above + rows * grid.rowPx + below).toBe(whole);
  }
});
