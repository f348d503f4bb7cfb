export interface Connection {
  close(): void;
}

export interface Handlers {
  readonly onMessage: (text: string) => void;
  readonly onClose: (code: number) => void;
}

export interface LineOptions {
  /** Asked at each attempt, so that it can say what was seen so far. */
  readonly path: () => string;
  readonly connect: (path: string, handlers: Handlers) => Connection;
  readonly onMessage: (text: string) => void;
  /** The server will not let this person see it; nothing more is tried. */
  readonly onRefused: (code: number) => void;
  /** Whether a line that broke is opened again; always, unless said. */
  readonly isWanted?: () => boolean;
  readonly wait: (ms: number) => Promise<void>;
  readonly random: () => number;
}

const REFUSED = new Set([4401, 4404]); // not signed in, no such thing
const FIRST_MS = 500;
const MOST_MS = 20_000;

/** A connection that is opened again when it breaks, after rests that double. */
export class Line {
  readonly #options: LineOptions;
  #failures = 0;
  #connection: Connection | null = null;
  #isClosed = false;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  open(): void {
    const { path, connect, onMessage } = this.#options;
    this.#connection = connect(path(), {
      onMessage: (text) => {
        this.#failures = 0;
        onMessage(text);
      },
      onClose: (code) => void this.#lost(code),
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#connection?.close();
  }

  async #lost(code: number): Promise<void> {
    const { isWanted, onRefused, wait, random } = this.#options;
    if (this.#isClosed || isWanted?.() === false) return;
    if (REFUSED.has(code)) {
      onRefused(code);
      return;
    }
    const longest = Math.min(MOST_MS, FIRST_MS * 2 ** this.#failures);
    this.#failures += 1;
    await wait(longest * (0.5 + 0.5 * random()));
    if (!this.#isClosed) this.open();
  }
}
