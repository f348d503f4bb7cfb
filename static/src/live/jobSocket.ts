/** What happened in a job, in the order of `seq`, as the server sends it. */
export interface JobEvent {
  readonly type: "event";
  readonly seq: number;
  readonly kind: "state" | "progress" | "item" | "log" | "metric" | "samples";
  readonly payload: Readonly<Record<string, unknown>>;
  readonly at: string;
}

export interface Connection {
  close(): void;
}

export interface Handlers {
  readonly onMessage: (text: string) => void;
  readonly onClose: (code: number) => void;
}

export interface JobSocketOptions {
  readonly jobId: string;
  /** The page shows everything up to this event already. */
  readonly after?: number;
  readonly connect: (path: string, handlers: Handlers) => Connection;
  readonly onEvent: (event: JobEvent) => void;
  /** The server will not let this person see the job; nothing more is tried. */
  readonly onRefused: (code: number) => void;
  readonly wait: (ms: number) => Promise<void>;
  readonly random: () => number;
}

const NOT_SIGNED_IN = 4401;
const NO_SUCH_JOB = 4404;
const FIRST_MS = 500;
const MOST_MS = 20_000;
const OVER = new Set(["done", "failed", "cancelled"]);

/**
 * A job's events, each once and in order, through whatever happens to the connection.
 *
 * The server replays from the last number that was seen, so nothing is kept here but that
 * number. When the server hangs up on a job that is over, that is the end.
 */
export class JobSocket {
  readonly #options: JobSocketOptions;
  #seq = 0;
  #failures = 0;
  #connection: Connection | null = null;
  #isOver = false;
  #isClosed = false;

  constructor(options: JobSocketOptions) {
    this.#options = options;
    this.#seq = options.after ?? 0;
  }

  open(): void {
    const { jobId, connect } = this.#options;
    this.#connection = connect(`/ws/jobs/${jobId}/?after=${this.#seq}`, {
      onMessage: (text) => this.#receive(JSON.parse(text) as JobEvent),
      onClose: (code) => void this.#lost(code),
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#connection?.close();
  }

  #receive(event: JobEvent): void {
    if (event.type !== "event" || event.seq <= this.#seq) return;
    this.#seq = event.seq;
    this.#failures = 0;
    this.#options.onEvent(event);
    if (event.kind === "state") this.#isOver = OVER.has(String(event.payload["status"]));
  }

  async #lost(code: number): Promise<void> {
    if (this.#isClosed || this.#isOver) return;
    if (code === NOT_SIGNED_IN || code === NO_SUCH_JOB) {
      this.#options.onRefused(code);
      return;
    }
    const longest = Math.min(MOST_MS, FIRST_MS * 2 ** this.#failures);
    this.#failures += 1;
    await this.#options.wait(longest * (0.5 + 0.5 * this.#options.random()));
    if (!this.#isClosed) this.open();
  }
}
