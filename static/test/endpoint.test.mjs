// Over a real HTTP server.
import { createServer } from "node:http";
import { afterEach, expect, test } from "vitest";
import { Endpoint, EndpointError } from "../src/client/endpoint.ts";

const SOON = { "Retry-After": "0" };
const ANSWER = { version: "8e20", detections: [{ label: "dent", score: 0.9, bbox: [1, 2, 3, 4] }] };
let server;

/** Gives each request the next reply; tells what was asked. */
async function serving(replies) {
  const asked = [];
  const left = [...replies];
  server = createServer(async (request, response) => {
    asked.push(`${request.url} ${request.headers.authorization} ${await bodyOf(request)}`);
    const [status, content] = left.shift() ?? [500, {}];
    response.writeHead(status, SOON).end(JSON.stringify(content));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  return { url: `http://127.0.0.1:${port}/e/line-3/predict`, asked };
}

async function bodyOf(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

afterEach(() => server.close());

test("a picture goes out with its key and threshold, and objects come back", async () => {
  const { url, asked } = await serving([[200, ANSWER]]);

  const answer = await new Endpoint(url, "dsk_1").predict(new Blob(["picture"]), {
    scoreThreshold: 0.5,
  });

  expect(answer).toEqual(ANSWER);
  expect(asked).toEqual(["/e/line-3/predict?score_threshold=0.5 Bearer dsk_1 picture"]);
});

test("a full queue and a used-up rate are waited for", async () => {
  const { url, asked } = await serving([
    [503, { error: "full" }],
    [429, { error: "rate" }],
    [200, { labels: [] }],
  ]);

  const answer = await new Endpoint(url, "dsk_1").predict(new TextEncoder().encode("picture"));

  expect(answer).toEqual({ version: "", detections: [], labels: [] });
  expect(asked).toHaveLength(3);
});

test("what cannot get better is said at once, in the endpoint's own words", async () => {
  const { url, asked } = await serving([[400, { error: "not a picture" }]]);

  const refused = new Endpoint(url, "dsk_1").predict(new Blob(["x"]));

  await expect(refused).rejects.toThrow(new EndpointError("not a picture", 400));
  expect(asked).toHaveLength(1);
});

test("where nobody answers, the address is named", async () => {
  const { url } = await serving([]);
  await new Promise((resolve) => server.close(resolve));

  const asking = new Endpoint(url, "dsk_1", { numTries: 1 }).predict(new Blob(["x"]));

  await expect(asking).rejects.toThrow(/line-3\/predict does not answer/);
});
