import { Line, type LineOptions } from "./line.ts";

/** What happened in a job, in the order of `seq`, as the server sends it. */
export interface JobEvent {
  readonly type: "event";
  readonly seq: number;
  readonly kind: "state" | "progress" | "item" | "log" | "metric" | "samples";
  readonly payload: Readonly<Record<string, unknown>>;
  readonly at: string;
}

export interface JobSocketOptions
  extends Pick<LineOptions, "connect" | "onRefused" | "wait" | "random"> {
  readonly jobId: string;
  /** The page shows everything up to this event already. */
  readonly after?: number;
  readonly onEvent: (event: JobEvent) => void;
}

const OVER = new Set(["done", "failed", "cancelled"]);

/**
 * A job's events, each once and in order, through whatever happens to the connection.
 *
 * The server replays from the last number that was seen, so nothing is kept here but that
 * number. When the server hangs up on a job that is over, that is the end.
 */
export class JobSocket {
  readonly #onEvent: JobSocketOptions["onEvent"];
  readonly #line: Line;
  #seq: number;
  #isOver = false;

  constructor({ jobId, after, onEvent, ...options }: JobSocketOptions) {
    this.#seq = after ?? 0;
    this.#onEvent = onEvent;
    this.#line = new Line({
      ...options,
      path: () => `/ws/jobs/${jobId}/?after=${this.#seq}`,
      onMessage: (text) => {
        for (const line of text.split("\n")) this.#receive(JSON.parse(line) as JobEvent);
      },
      isWanted: () => !this.#isOver,
    });
  }

  open(): void {
    this.#line.open();
  }

  close(): void {
    this.#line.close();
  }

  #receive(event: JobEvent): void {
    if (event.type !== "event" || event.seq <= this.#seq) return;
    this.#seq = event.seq;
    this.#onEvent(event);
    if (event.kind === "state") this.#isOver = OVER.has(String(event.payload["status"]));
  }
}
