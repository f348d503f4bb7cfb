import { IDBFactory } from "fake-indexeddb";
import { beforeEach, expect, test } from "vitest";
import type { Patch, Shape } from "../src/editor/core/document.ts";
import { fromAnnotation, toAnnotation } from "../src/editor/core/wire.ts";
import { backOff } from "../src/editor/sync/clock.ts";
import { Couriers } from "../src/editor/sync/couriers.ts";
import { forgetfulJournal, type Journal, openJournal } from "../src/editor/sync/journal.ts";
import { Outbox, type OutboxState } from "../src/editor/sync/outbox.ts";
import { FakeServer } from "./fakeServer.ts";
import { shape, turns } from "./parts.ts";
import { seeded } from "./seeded.ts";

let server: FakeServer;
let journal: Journal;

beforeEach(async () => {
  server = new FakeServer();
  journal = await openJournal("test", new IDBFactory());
});

/** A page that has the image open. What it shows is kept as the editor would keep it. */
class Page {
  readonly shown = new Map<string, Shape>();
  readonly outbox: Outbox;
  state: OutboxState | null = null;
  static #keys = 0;
  #isDead = false;

  constructor(kept: Journal = journal) {
    this.outbox = new Outbox({
      imageId: 1,
      journal: this.#mortal(kept),
      transport: server,
      clock: { wait: () => new Promise((resolve) => setTimeout(resolve, 0)), random: () => 0 },
      newKey: () => `key-${++Page.#keys}`,
      onNews: (news) => this.#apply(news),
      onState: (state) => {
        this.state = state;
      },
    });
  }

  async open(): Promise<this> {
    while (await this.outbox.recover()) await turns(1);
    for (const wire of this.outbox.adopt(server.document())) {
      this.shown.set(wire.id, fromAnnotation(wire));
    }
    return this;
  }

  /** The tab dies: what was in memory is gone, what was sent may still arrive. */
  kill(): void {
    this.#isDead = true;
    void this.outbox.close();
  }

  put(next: Shape): Promise<void> {
    const before = this.shown.get(next.id);
    this.shown.set(next.id, next);
    return this.outbox.record(new Map([[next.id, { ...(before && { before }), after: next }]]));
  }

  remove(id: string): Promise<void> {
    const before = this.shown.get(id);
    this.shown.delete(id);
    return this.outbox.record(new Map([[id, { ...(before && { before }) }]]));
  }

  /** A journal that hears nothing more once the page is dead. */
  #mortal(kept: Journal): Journal {
    const unlessDead =
      <A extends readonly unknown[], R>(call: (...args: A) => Promise<R>) =>
      (...args: A): Promise<R> =>
        this.#isDead ? new Promise(() => {}) : call(...args);
    return {
      load: unlessDead((id: number) => kept.load(id)),
      imagesWithWork: unlessDead(() => kept.imagesWithWork()),
      append: unlessDead((...args: Parameters<Journal["append"]>) => kept.append(...args)),
      replace: unlessDead((...args: Parameters<Journal["replace"]>) => kept.replace(...args)),
      keep: unlessDead((...args: Parameters<Journal["keep"]>) => kept.keep(...args)),
      recall: unlessDead((name: string) => kept.recall(name)),
    };
  }

  #apply(news: Patch): void {
    for (const [id, { after }] of news) {
      if (after) this.shown.set(id, after);
      else this.shown.delete(id);
    }
  }
}

const box = (id: string, x: number) => shape(id, [x, 0, x + 10, 10]);
const onServer = (id: string) => server.annotations.get(id)?.bbox;

test("gestures that follow each other travel as one operation an object", async () => {
  const page = await new Page().open();

  for (let x = 0; x < 5; x++) void page.put(box("a", x));
  await page.outbox.settle();

  expect(server.applied).toEqual([{ op: "put", annotation: toAnnotation(box("a", 4)) }]);
  expect(page.state).toMatchObject({ waiting: 0, connection: "fine", isKept: true });
});

test("a lost answer is asked for again under the same key and applied once", async () => {
  const faults = ["answer", "answer"] as const;
  let at = 0;
  server.fault = () => faults[at++] ?? "none";
  const page = await new Page().open();
  at = 0;

  await page.put(box("a", 3));
  await until(() => page.state?.waiting === 0);

  expect(server.applied).toHaveLength(1);
  expect(server.revision).toBe(2);
});

test("what others did to other objects is shown, and both are kept", async () => {
  const page = await new Page().open();
  server.edit(toAnnotation(box("theirs", 50)));

  await page.put(box("mine", 3));
  await until(() => page.state?.waiting === 0);

  expect(Array.from(server.annotations.keys())).toEqual(["theirs", "mine"]);
  expect(Array.from(page.shown.keys()).sort()).toEqual(["mine", "theirs"]);
});

test.each(["mine", "theirs"] as const)("the same object changed twice: %s wins", async (choice) => {
  server.annotations.set("a", toAnnotation(box("a", 0)));
  const page = await new Page().open();
  server.edit(toAnnotation(box("a", 50)));

  void page.put(box("a", 20));
  await page.put(box("b", 70));
  await until(() => onServer("b") !== undefined);
  expect(page.state?.conflicts).toMatchObject([
    { change: { id: "a" }, theirs: { bbox: [50, 0, 60, 10] } },
  ]);
  expect(onServer("a")).toEqual([50, 0, 60, 10]);

  page.outbox.resolve("a", choice);
  await until(() => page.state?.waiting === 0);

  const expected = choice === "mine" ? [20, 0, 30, 10] : [50, 0, 60, 10];
  expect(onServer("a")).toEqual(expected);
  expect(page.shown.get("a")?.bbox).toEqual(expected);
});

test("a conflict outlives the page", async () => {
  server.annotations.set("a", toAnnotation(box("a", 0)));
  const page = await new Page().open();
  server.remove("a");
  await page.put(box("a", 20));
  await until(() => page.state?.conflicts.length === 1);
  await page.outbox.close();

  const again = await new Page().open();
  await until(() => again.state?.conflicts.length === 1);

  expect(again.shown.get("a")?.bbox).toEqual([20, 0, 30, 10]);
  expect(again.state?.conflicts[0]?.theirs).toBeNull();
});

test("two people who do the same are in no conflict", async () => {
  server.annotations.set("a", toAnnotation(box("a", 0)));
  const page = await new Page().open();
  server.remove("a");

  await page.remove("a");
  await until(() => page.state?.waiting === 0);

  expect(page.state?.conflicts).toEqual([]);
});

test("a refused object holds up only itself, and a new change of it is its cure", async () => {
  server.refuses = (operation) => operation.op === "put" && operation.annotation.label_id === 9;
  const page = await new Page().open();
  for (const id of ["a", "b", "c", "d"]) void page.put(box(id, 5));
  void page.put({ ...box("bad", 5), labelId: 9 });
  await until(() => server.annotations.size === 4);
  await until(() => page.state?.refusals.length === 1);
  expect(page.state).toMatchObject({ waiting: 1, refusals: [{ detail: "no such label" }] });

  await page.put({ ...box("bad", 5), labelId: 1 });
  await until(() => page.state?.waiting === 0);

  expect(server.annotations.get("bad")?.label_id).toBe(1);
});

test("giving up a refused change shows what the server has", async () => {
  server.annotations.set("a", toAnnotation(box("a", 0)));
  server.refuses = () => true;
  const page = await new Page().open();
  await page.put(box("a", 40));
  await until(() => page.state?.refusals.length === 1);

  page.outbox.discard("a");

  expect(page.shown.get("a")?.bbox).toEqual([0, 0, 10, 10]);
  expect(page.state?.waiting).toBe(0);
});

test("an ended session keeps all and goes on after signing in", async () => {
  const page = await new Page().open();
  server.isSignedOut = true;
  await page.put(box("a", 5));
  await until(() => page.state?.connection === "signedOut");
  expect(page.state?.waiting).toBe(1);

  server.isSignedOut = false;
  page.outbox.retry();
  await until(() => page.state?.waiting === 0);

  expect(onServer("a")).toEqual([5, 0, 15, 10]);
});

test("a browser that keeps nothing says so and still sends", async () => {
  const page = await new Page(forgetfulJournal()).open();

  await page.put(box("a", 5));
  await until(() => page.state?.waiting === 0);

  expect(page.state?.isKept).toBe(false);
  expect(onServer("a")).toEqual([5, 0, 15, 10]);
});

test.each(Array.from({ length: 100 }, (_, seed) => seed))(
  "killed at any moment, nothing is lost or doubled, seed %i",
  async (seed) => {
    const random = seeded(seed * 7919);
    const expected = new Map<string, number>();
    const faults = ["none", "none", "request", "answer"] as const;
    server.fault = () => faults[Math.floor(random() * 4)] ?? "none";
    let page = await new Page().open();
    for (let step = 0; step < 12; step++) {
      const id = `${Math.floor(random() * 4)}`;
      if (random() < 0.25 && page.shown.has(id)) {
        expected.delete(id);
        await page.remove(id);
      } else {
        expected.set(id, step);
        await page.put(box(id, step));
      }
      if (random() < 0.2) server.edit(toAnnotation(box(`theirs-${step}`, step)));
      await turns(Math.floor(random() * 3));
      if (random() > 0.3) continue;
      page.kill();
      page = await new Page().open();
    }
    server.fault = () => "none";
    page.outbox.retry();
    await until(() => page.outbox.state.waiting === 0);

    const mine = Array.from(server.annotations).filter(([id]) => !id.startsWith("theirs"));
    expect(new Map(mine.map(([id, { bbox }]) => [id, bbox[0]]))).toEqual(expected);
    expect(page.state?.conflicts ?? []).toEqual([]);
    expect(new Set(page.shown.keys())).toEqual(new Set(server.annotations.keys()));
  },
);

test.each(Array.from({ length: 20 }, (_, seed) => seed))(
  "a gesture made while another is written leaves no trace once both are saved, seed %i",
  async (seed) => {
    const random = seeded(seed);
    const page = await new Page().open();

    for (let step = 0; step < 12; step++) {
      void page.put(box(`${step % 3}`, step));
      await turns(Math.floor(random() * 4));
    }
    await until(() => page.outbox.state.waiting === 0);
    await page.outbox.close();

    expect(await journal.imagesWithWork()).toEqual([]);
  },
);

test("a gesture is on its way to the disk before another write is done", async () => {
  const asked: number[] = [];
  const slow: Journal = {
    ...forgetfulJournal(),
    append: async (_, changes) => {
      asked.push(changes.length);
      return new Promise(() => {});
    },
  };
  const page = await new Page(slow).open();

  void page.put(box("a", 5));
  void page.put(box("b", 5));

  expect(asked).toEqual([1, 1]);
});

test("what is left of an image that is not open is sent from any other", async () => {
  const page = await new Page().open();
  server.isSignedOut = true;
  await page.put(box("a", 5));
  page.kill();
  const counts: number[] = [];
  const couriers = new Couriers({
    journal,
    transport: server,
    clock: { wait: () => new Promise((resolve) => setTimeout(resolve, 0)), random: () => 0 },
    newKey: () => "other",
    onWaiting: (waiting) => counts.push(waiting),
  });

  await couriers.start(99);
  await turns();
  expect(server.applied).toEqual([]);
  server.isSignedOut = false;
  couriers.retry();
  await until(() => server.applied.length === 1 && counts.at(-1) === 0);

  expect(onServer("a")).toEqual([5, 0, 15, 10]);
  expect(await journal.imagesWithWork()).toEqual([]);
});

test("rests between tries double up to half a minute", () => {
  expect([1, 2, 3, 20].map((attempt) => backOff(attempt, 1))).toEqual([500, 1000, 2000, 30000]);
  expect(backOff(1, 0)).toBe(250);
});

async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2000 && !isSo(); turn++) await turns(1);
  expect(isSo()).toBe(true);
}
