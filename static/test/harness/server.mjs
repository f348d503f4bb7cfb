// A stand-in for the labeling API: it keeps the contract (revisions, idempotency, 412) in
// memory, so that the real page can be driven in a browser without the real server.
//
//   node test/harness/server.mjs PORT [IMAGES_FOLDER]
//
// POST /_harness/ {"down": bool, "signedOut": bool, "refuseLabel": id, "dropNext": bool,
//                  "edit": {image, annotation} | "remove": {image, id}} misbehaves on purpose.
import { execFileSync } from "node:child_process";
import { createReadStream, existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, "../..");
const port = Number(process.argv[2] ?? 8100);
const folder = process.argv[3];
const num = Number(process.env.HARNESS_BOXES ?? 0);
const python = process.env.HARNESS_PYTHON ?? path.resolve(root, "../.venv/bin/python");

const LABELS = [
  { id: 1, name: "fish", color: "#3b82f6", hotkey: "1" },
  { id: 2, name: "jellyfish", color: "#d946ef", hotkey: "2" },
  { id: 3, name: "shark", color: "#f59e0b", hotkey: "3" },
  { id: 4, name: "starfish", color: "#10b981", hotkey: "4" },
];
const TYPES = {
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".jpg": "image/jpeg",
};

const state = { down: false, signedOut: false, refuseLabel: null, dropNext: false };
const images = new Map();
const answers = new Map();
const log = [];
const pages = new Map();

function uuid(n) {
  return `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
}

function jpegSize(file) {
  const bytes = readFileSync(file);
  for (let at = 2; at < bytes.length; ) {
    const marker = bytes[at + 1];
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) };
    }
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  throw new Error(`${file} is no JPEG`);
}

function box(id, label_id, bbox, extra = {}) {
  return {
    id,
    label_id,
    kind: "box",
    bbox,
    source: "human",
    score: null,
    attributes: {},
    is_occluded: false,
    is_truncated: false,
    ...extra,
  };
}

function load() {
  const coco = folder ? JSON.parse(readFileSync(path.join(folder, "../annotations.json"))) : null;
  const files = folder
    ? readdirSync(folder)
        .filter((name) => name.endsWith(".jpg"))
        .slice(0, 12)
    : [];
  files.forEach((name, at) => {
    const size = jpegSize(path.join(folder, name));
    const entry = coco.images.find((one) => path.basename(one.file_name) === name);
    const truth = coco.annotations.filter((one) => one.image_id === entry?.id);
    const boxes = truth.map(({ bbox: [x, y, w, h], category_id }, n) => ({
      id: uuid(1000 * (at + 1) + n),
      label_id: (category_id % LABELS.length) + 1,
      kind: "box",
      bbox: [x, y, x + w, y + h],
    }));
    images.set(at + 1, {
      file: path.join(folder, name),
      image: {
        id: at + 1,
        name,
        ...size,
        url: `/media/${at + 1}.jpg`,
        thumbnail_url: `/media/${at + 1}.jpg`,
        state: at === 1 ? "submitted" : "unlabeled",
        index: at + 1,
        count: files.length,
      },
      revision: 1,
      annotations: new Map(
        boxes
          .filter((_, n) => n % 3 === 0)
          .map((one) => [one.id, box(one.id, one.label_id, one.bbox)]),
      ),
      predictions: boxes.map((one, n) => ({
        ...one,
        id: uuid(500000 + 1000 * at + n),
        score: 0.97 - ((n * 0.037) % 0.8),
        model: "reef-detector@3f2a91c",
      })),
    });
  });
  if (num > 0) crowd(num);
}

/** Images 97, 98, 99: masks, polygons and boxes in crowds, for timing. */
function crowd(count) {
  const first = images.get(1);
  const { width, height } = first.image;
  const add = (id, name, total, make) => {
    const annotations = new Map();
    for (let n = 0; n < total; n++)
      annotations.set(uuid(1e6 * id + n), make(uuid(1e6 * id + n), n));
    const image = { ...first.image, id, name };
    images.set(id, { ...first, image, annotations, predictions: [], revision: 1 });
  };
  const place = (n) => [(n * 7919) % (width - 30), (n * 104729) % (height - 30)];
  add(99, "boxes.jpg", count, (id, n) => {
    const [x, y] = place(n);
    return box(id, (n % 4) + 1, [x, y, x + 8 + (n % 20), y + 8 + (n % 15)]);
  });
  add(98, "polygons.jpg", count / 2, (id, n) => {
    const [x, y] = place(n);
    const points = Array.from({ length: 20 }, (_, v) => [
      x + 15 + 12 * Math.cos((v * Math.PI) / 10),
      y + 15 + (8 + (v % 2) * 4) * Math.sin((v * Math.PI) / 10),
    ]);
    const bbox = [x + 3, y + 3, x + 27, y + 27];
    return box(id, (n % 4) + 1, bbox, { kind: "polygon", geometry: { points, holes: [] } });
  });
  add(97, "masks.jpg", count / 100, (id, n) => {
    const half = Math.floor(height / 2);
    const counts = Array.from({ length: 2 * width }, (_, run) => (run % 2 ? half : height - half));
    const geometry = { origin: [0, 0], size: [width, height], counts };
    return box(id, (n % 4) + 1, [0, 0, width, height], { kind: "mask", geometry });
  });
}

function documentOf(id) {
  const one = images.get(id);
  return {
    image: one.image,
    project: {
      id: 1,
      name: "Reef survey",
      guide:
        "Draw the box tightly around the whole animal, fins included.\n\nMark an animal as occluded when another hides more than a fifth of it.",
    },
    labels: LABELS,
    revision: one.revision,
    annotations: [...one.annotations.values()],
    predictions: one.predictions,
    previous_id: images.has(id - 1) ? id - 1 : null,
    next_id: images.has(id + 1) ? id + 1 : null,
  };
}

function operate(one, request, body) {
  const key = request.headers["idempotency-key"];
  if (answers.has(key)) return answers.get(key);
  const expected = Number(request.headers["if-match"].replaceAll('"', ""));
  if (expected !== one.revision) {
    return [
      412,
      { detail: "The image has changed.", code: "revision_conflict", revision: one.revision },
    ];
  }
  const refused = body.operations.find(
    ({ annotation }) => annotation?.label_id === state.refuseLabel,
  );
  if (refused) return [400, { detail: "There is no such label.", code: "invalid" }];
  for (const { op, annotation, id } of body.operations) {
    if (op === "put") one.annotations.set(annotation.id, annotation);
    else one.annotations.delete(id);
  }
  one.revision += 1;
  if (one.image.state === "unlabeled") one.image.state = "in_progress";
  const answer = [200, { revision: one.revision }];
  answers.set(key, answer);
  log.push(...body.operations);
  return answer;
}

function misbehave(body) {
  if (body.edit) {
    const one = images.get(body.edit.image);
    one.annotations.set(body.edit.annotation.id, body.edit.annotation);
    one.revision += 1;
  } else if (body.remove) {
    const one = images.get(body.remove.image);
    one.annotations.delete(body.remove.id);
    one.revision += 1;
  } else Object.assign(state, body);
  return [200, { ...state, operations: log.length }];
}

function api(request, url, body) {
  if (state.signedOut) return [401, { detail: "Sign in.", code: "not_authenticated" }];
  if (url.pathname.endsWith("/calibration/")) return [200, { num_verdicts: 0, points: [] }];
  const [, id, what] = /images\/(\d+)\/(\w+)\//.exec(url.pathname) ?? [];
  const one = images.get(Number(id));
  if (!one) return [404, { detail: "image not found", code: "not_found" }];
  if (what === "document") return [200, documentOf(Number(id))];
  if (what === "rejections") return [200, { num_rejected: body.ids.length }];
  if (what === "operations") return operate(one, request, body);
  if (what === "submit" || what === "reopen") {
    one.image.state = what === "submit" ? "submitted" : "in_progress";
    return [
      200,
      { state: one.image.state, next_id: images.has(Number(id) + 1) ? Number(id) + 1 : null },
    ];
  }
  return [404, { detail: "not found", code: "not_found" }];
}

/** The page as Django renders it; once for each look, for starting Django takes seconds. */
function page(id, cookies) {
  const theme = /theme=(\w+)/.exec(cookies ?? "")?.[1] ?? "system";
  const language = /language=([\w-]+)/.exec(cookies ?? "")?.[1] ?? "en";
  const look = [String(id), theme, language];
  const key = look.join();
  if (!pages.has(key)) {
    pages.set(key, execFileSync(python, [path.join(here, "render.py"), ...look]));
  }
  return pages.get(key);
}

function sendFile(response, file) {
  if (!existsSync(file)) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, {
    "Content-Type": TYPES[path.extname(file)] ?? "application/octet-stream",
  });
  createReadStream(file).pipe(response);
}

function staticFile(name) {
  const own = path.join(root, name);
  return existsSync(own) ? own : path.join(process.env.HARNESS_STATIC ?? root, name);
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://harness");
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  const body = text.startsWith("{") ? JSON.parse(text) : null;
  const json = ([status, value]) =>
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
  if (url.pathname === "/_harness/") return json(misbehave(body));
  if (url.pathname.startsWith("/static/"))
    return sendFile(response, staticFile(url.pathname.slice(8)));
  if (url.pathname.startsWith("/media/"))
    return sendFile(response, images.get(Number.parseInt(url.pathname.slice(7), 10))?.file ?? "");
  if (url.pathname.startsWith("/api/")) {
    if (state.down) return request.socket.destroy();
    const answer = api(request, url, body);
    if (state.dropNext && url.pathname.endsWith("operations/")) {
      state.dropNext = false;
      return request.socket.destroy();
    }
    return json(answer);
  }
  const id = /\/labeling\/images\/(\d+)\//.exec(url.pathname)?.[1];
  if (!id) return response.writeHead(404).end();
  response.writeHead(200, {
    "Content-Type": "text/html; charset=utf-8",
    "Set-Cookie": "csrftoken=harness; path=/",
    "Content-Security-Policy":
      "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'self'",
  });
  response.end(page(id, request.headers.cookie));
});

load();
server.listen(port, "127.0.0.1");
