import { expect, test } from "vitest";
import { search } from "../src/shell/match.ts";
import { inParallel } from "../src/upload/pool.ts";
import { turns } from "./parts.ts";

const entries = ["Access tokens", "Production line", "Audit log", "Settings"].map((label) => ({
  group: "Pages",
  label,
  url: "/",
}));
const found = (query: string) => search(entries, query).map(({ label }) => label);

test("the palette finds letters in order, beginnings of words first", () => {
  expect(found("al")).toEqual(["Audit log"]);
  expect(found("PL")[0]).toBe("Production line");
  expect(found("tok")).toEqual(["Access tokens"]);
  expect(found("xyz")).toEqual([]);
  expect(found(" ")).toHaveLength(4);
});

test("never more than so many at a time, and all of them", async () => {
  let numRunning = 0;
  let most = 0;
  const done: number[] = [];

  await inParallel([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    most = Math.max(most, ++numRunning);
    await turns(item % 3);
    numRunning -= 1;
    done.push(item);
  });

  expect(most).toBe(3);
  expect(done.sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
});
