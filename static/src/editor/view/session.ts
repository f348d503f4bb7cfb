import type { Patch } from "../core/document.ts";
import type { GeometryKind } from "../core/geometry.ts";
import { Brush, type BrushSize } from "../core/tools/brush.ts";
import { Carry } from "../core/tools/carry.ts";
import { ClickMask } from "../core/tools/clickMask.ts";
import { DrawByDrag } from "../core/tools/drawByDrag.ts";
import { DrawPath } from "../core/tools/drawPath.ts";
import { DrawSkeleton } from "../core/tools/drawSkeleton.ts";
import { JustClick } from "../core/tools/justClick.ts";
import { type ReadPixels, Scissors } from "../core/tools/scissors.ts";
import { Select } from "../core/tools/select.ts";
import type { Tool } from "../core/tools/tool.ts";
import { type DocumentWire, fromAnnotation, fromPrediction } from "../core/wire.ts";
import { Workbench } from "../core/workbench.ts";
import { realClock } from "../sync/clock.ts";
import type { Journal } from "../sync/journal.ts";
import { Outbox, type OutboxState } from "../sync/outbox.ts";
import type { Adviser, Failure, Transport } from "../sync/transport.ts";
import type { Clicking } from "./clicking.ts";
import { tellRejections } from "./rejections.ts";
import { newUuid } from "./uuid.ts";
import { keepVisit } from "./visit.ts";

type MakeTool = (bench: Workbench, options: SessionOptions) => Tool;

/** Every tool of the editor and the kind that it draws; a new one is a file and a line here. */
const TOOLS: readonly (readonly [kind: GeometryKind | null, make: MakeTool])[] = [
  [null, (bench) => new Select(bench)],
  ["box", (bench) => new DrawByDrag(bench, "box")],
  ["rotated_box", (bench) => new DrawByDrag(bench, "rotated_box")],
  ["ellipse", (bench) => new DrawByDrag(bench, "ellipse")],
  ["polygon", (bench) => new DrawPath(bench, "polygon")],
  ["polygon", (bench, { readPixels }) => new Scissors(bench, readPixels)],
  [
    "polygon",
    (bench, { imageId, askOutlines, repaint }) =>
      new ClickMask(bench, (...asked) => askOutlines(imageId, "model", ...asked), repaint),
  ],
  [
    "polygon",
    (bench, { imageId, askOutlines, repaint }) =>
      new ClickMask(
        bench,
        (...asked) => askOutlines(imageId, "colors", ...asked),
        repaint,
        "colors",
      ),
  ],
  ["polyline", (bench) => new DrawPath(bench, "polyline")],
  ["points", (bench) => new DrawPath(bench, "points")],
  ["skeleton", (bench) => new DrawSkeleton(bench)],
  ["box", (bench) => new JustClick(bench)],
  ["mask", (bench, { brush }) => new Brush(bench, "brush", brush)],
  ["mask", (bench, { brush }) => new Brush(bench, "eraser", brush)],
];

export interface SessionOptions extends Clicking {
  readonly imageId: number;
  readonly journal: Journal;
  readonly transport: Transport & Adviser;
  /** The kinds of shapes that the server keeps. */
  readonly kinds: readonly GeometryKind[];
  readonly brush: BrushSize;
  readonly readPixels: ReadPixels;
  readonly onState: (state: OutboxState) => void;
}

/** One image while it is open: its workbench, its tools, its way to the server. */
export class Session {
  readonly document: DocumentWire;
  readonly bench: Workbench;
  readonly tools: ReadonlyMap<string, Tool>;
  readonly carry: Carry;
  readonly outbox: Outbox;
  #news: Patch[] = [];

  private constructor(document: DocumentWire, outbox: Outbox, options: SessionOptions) {
    this.document = document;
    this.outbox = outbox;
    this.bench = new Workbench({
      image: document.image,
      labels: document.labels,
      shapes: outbox.adopt(document).map(fromAnnotation),
      proposals: document.predictions.map(fromPrediction),
      newId: newUuid,
    });
    this.carry = new Carry(this.bench);
    const tools = TOOLS.filter(([kind]) => kind === null || options.kinds.includes(kind)).map(
      ([, make]) => make(this.bench, options),
    );
    const rejected = document.predictions.filter((one) => one.is_rejected).map(({ id }) => id);
    this.bench.proposals.dismiss(rejected);
    this.tools = new Map(tools.map((tool) => [tool.name, tool]));
    this.bench.editor.subscribe(({ cause, patch }) => {
      if (cause === "commit" || cause === "undo" || cause === "redo") void outbox.record(patch);
      if (cause === "commit" || cause === "cancel") queueMicrotask(() => this.#showNews());
    });
  }

  /** Settle what an earlier visit left, read the document, and merge the two. */
  static async open(options: SessionOptions): Promise<Session | Failure> {
    let session: Session | null = null;
    const outbox = new Outbox({
      ...options,
      clock: realClock,
      newKey: newUuid,
      onNews: (news) => session?.receive(news),
    });
    const failure = await outbox.recover();
    if (failure) return failure;
    const answer = await options.transport.read(options.imageId);
    if (answer.name !== "read") return answer;
    session = new Session(answer.document, outbox, options);
    const rejected = new Set(session.bench.proposals.dismissed);
    await keepVisit(session.bench, options.journal, options.imageId);
    tellRejections(session.bench, rejected, (ids) =>
      options.transport.reject(options.imageId, ids),
    );
    return session;
  }

  /** Show what others did, as soon as no gesture is open. */
  receive(news: Patch): void {
    this.#news.push(news);
    this.#showNews();
  }

  #showNews(): void {
    if (this.bench.editor.isOpen) return;
    const news = this.#news;
    this.#news = [];
    for (const patch of news) this.bench.editor.receive(patch);
  }
}
