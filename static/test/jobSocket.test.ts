import { expect, test } from "vitest";
import { clockTime } from "../src/live/eta.ts";
import { type JobEvent, JobSocket } from "../src/live/jobSocket.ts";
import type { Handlers } from "../src/live/line.ts";
import { turns } from "./parts.ts";

function setUp() {
  const paths: string[] = [];
  const waits: number[] = [];
  const seen: JobEvent[] = [];
  const refusals: number[] = [];
  let line: Handlers = { onMessage: () => {}, onClose: () => {} };
  const socket = new JobSocket({
    jobId: "7",
    connect: (path, handlers) => {
      paths.push(path);
      line = handlers;
      return { close: () => {} };
    },
    onEvent: (event) => seen.push(event),
    onRefused: (code) => refusals.push(code),
    wait: async (ms) => {
      waits.push(ms);
    },
    random: () => 1,
  });
  socket.open();
  const told = (seq: number, kind = "progress", payload: object = {}) =>
    JSON.stringify({ type: "event", seq, kind, payload, at: "" });
  const say = (...event: Parameters<typeof told>) => line.onMessage(told(...event));
  const sayAtOnce = (...seqs: number[]) => line.onMessage(seqs.map((seq) => told(seq)).join("\n"));
  const drop = async (code = 1006) => {
    line.onClose(code);
    await turns(1);
  };
  return { paths, waits, seen, refusals, say, sayAtOnce, drop };
}

test("events come once and in order through a broken line", async () => {
  const { paths, seen, say, drop } = setUp();
  say(1);
  say(2);

  await drop();
  say(2);
  say(3);

  expect(paths).toEqual(["/ws/jobs/7/?after=0", "/ws/jobs/7/?after=2"]);
  expect(seen.map(({ seq }) => seq)).toEqual([1, 2, 3]);
});

test("a message may hold many events", () => {
  const { seen, sayAtOnce } = setUp();

  sayAtOnce(1, 2);
  sayAtOnce(2, 3, 4);

  expect(seen.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
});

test("rests double while nothing comes, and begin anew when something does", async () => {
  const { waits, say, drop } = setUp();

  await drop();
  await drop();
  await drop();
  say(1);
  await drop();

  expect(waits).toEqual([500, 1000, 2000, 500]);
});

test.each([4401, 4404])("%i is no reason to try again", async (code) => {
  const { paths, refusals, drop } = setUp();

  await drop(code);

  expect(refusals).toEqual([code]);
  expect(paths).toHaveLength(1);
});

test("a job that is over needs no line", async () => {
  const { paths, say, drop } = setUp();
  say(1, "state", { status: "done" });

  await drop(1000);

  expect(paths).toHaveLength(1);
});

test("time left reads like a clock", () => {
  expect([7, 270, 3909].map(clockTime)).toEqual(["0:07", "4:30", "1:05:09"]);
});
