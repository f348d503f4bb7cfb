import { expect, test } from "vitest";
import { expectedPrecision, shareAt } from "../src/editor/core/calibration.ts";
import { type Batch, Feed, type ProposalWire } from "../src/wall/feed.ts";
import { Pace } from "../src/wall/pace.ts";
import { type Decision, Page, ringsOf, type Tile } from "../src/wall/page.ts";
import { Sender, type SendResult } from "../src/wall/sender.ts";
import { turns } from "./parts.ts";

const tile = (id: string, labelId = 1): Tile => ({
  id,
  imageId: 7,
  labelId,
  score: 0.8,
  bbox: [0, 0, 9, 9],
  crop: [0, 0, 20, 20],
  url: `/crop/${id}`,
});
const row = (id: string): ProposalWire => ({
  id,
  image_id: 7,
  label_id: 1,
  score: 0.8,
  bbox: [0, 0, 9, 9],
  crop: [0, 0, 20, 20],
  crop_url: `/crop/${id}`,
});
const says = (decisions: readonly Decision[]) => decisions.map(({ says }) => says);

test("what nobody marks is accepted, a click rejects, a second click takes that back", () => {
  const page = new Page([tile("a"), tile("b"), tile("c")]);

  page.toggleWrong(["a", "b"]);
  page.toggleWrong(["b"]);

  expect(says(page.decisions())).toEqual(["reject", "accept", "accept"]);
});

test("another label makes a wrong one right under that label", () => {
  const page = new Page([tile("a")]);
  page.toggleWrong(["a"]);

  page.relabel(["a"], 2);

  expect(page.decisions()).toMatchObject([{ says: "accept", label_id: 2 }]);
});

test("taking a page back opens every proposal of it again", () => {
  const page = new Page([tile("a"), tile("b")]);

  expect(says(page.reversal())).toEqual(["open", "open"]);
});

test("an outlined proposal is drawn with its holes, any other with its box", async () => {
  const points = [
    [0, 0],
    [9, 0],
    [4, 9],
  ] as const;
  const hole = [
    [3, 2],
    [5, 2],
    [4, 4],
  ] as const;
  const outlined = { ...row("a"), geometry: { points, holes: [hole] } };
  const results = [outlined, { ...row("b"), geometry: null }];
  const feed = new Feed(async () => ({ results, next: null }), ["/one"], []);

  const [first, second] = await feed.take(2);

  expect(first && ringsOf(first)).toEqual([points, hole]);
  expect(second && ringsOf(second)).toEqual([
    [
      [0, 0],
      [9, 0],
      [9, 9],
      [0, 9],
    ],
  ]);
});

test("the feed goes through the labels in order and shows nothing twice", async () => {
  const batches: Record<string, Batch> = {
    "/one": { results: [row("a"), row("decided")], next: "/one?2" },
    "/one?2": { results: [row("b"), row("a")], next: null },
    "/two": { results: [row("c")], next: null },
  };
  const read = async (url: string) => batches[url] ?? { results: [], next: null };
  const feed = new Feed(read, ["/one", "/two"], ["decided"]);

  const first = await feed.take(2);
  feed.giveBack(first);
  const all = await feed.take(9);

  expect(first.map(({ id }) => id)).toEqual(["a", "b"]);
  expect(all.map(({ id }) => id)).toEqual(["a", "b", "c"]);
});

function sender(answers: SendResult[], storage = new Map<string, string>()) {
  const sent: (readonly [string, readonly string[]])[] = [];
  let number = 0;
  const made = new Sender({
    storage: {
      getItem: (key) => storage.get(key) ?? null,
      setItem: (key, value) => void storage.set(key, value),
    },
    storageKey: "wall",
    send: async (key, decisions) => {
      sent.push([key, decisions.map(({ id }) => id)]);
      return answers.shift() ?? { name: "saved", body: {} };
    },
    wait: async () => {},
    newKey: () => `key-${++number}`,
    onChange: () => {},
  });
  return { made, sent, storage };
}

test("a page that did not get through is sent again under its key, the next waits", async () => {
  const { made, sent } = sender([{ name: "unreachable" }]);

  made.add(new Page([tile("a")]).decisions());
  made.add(new Page([tile("b")]).decisions());
  await turns();

  expect(sent).toEqual([
    ["key-1", ["a"]],
    ["key-1", ["a"]],
    ["key-2", ["b"]],
  ]);
});

test("what a closed tab left is sent when the wall is opened again", async () => {
  const left = [{ key: "old", decisions: new Page([tile("a")]).decisions() }];
  const { sent, storage } = sender([], new Map([["wall", JSON.stringify(left)]]));
  await turns();

  expect(sent).toEqual([["old", ["a"]]]);
  expect(storage.get("wall")).toBe("[]");
});

test("expected precision is read between the points of the calibration", () => {
  const calibration = {
    num_verdicts: 10,
    points: [
      [0.2, 0.1],
      [0.8, 0.7],
    ],
  } as const;

  expect(shareAt(calibration, 0.5)).toBeCloseTo(0.4);
  expect(shareAt(calibration, 0.99)).toBe(0.7);
  expect(expectedPrecision(calibration, [0.8, 0.5])).toBeCloseTo(0.55);
  expect(expectedPrecision(calibration, [])).toBeNull();
});

test("the time left follows the last pages and leaves pauses out", () => {
  const pace = new Pace(0);
  expect(pace.minutesFor(60)).toBeNull();

  pace.pageDone(10_000, 10);
  pace.pageDone(1_000_000, 10);

  expect(pace.minutesFor(60)).toBeCloseTo(1);
});
