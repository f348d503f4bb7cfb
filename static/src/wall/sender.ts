import type { Decision } from "./page.ts";

interface Kept {
  readonly key: string;
  readonly decisions: readonly Decision[];
}

export type SendResult =
  | { readonly name: "saved"; readonly body: unknown }
  | { readonly name: "refused"; readonly detail: string }
  | { readonly name: "unreachable" };

export interface SenderOptions {
  readonly storage: Pick<Storage, "getItem" | "setItem">;
  readonly storageKey: string;
  readonly send: (key: string, decisions: readonly Decision[]) => Promise<SendResult>;
  readonly wait: (ms: number) => Promise<void>;
  readonly newKey: () => string;
  readonly onChange: (waiting: number, problem: SendResult | null) => void;
}

const RETRY_MS = 3000;

/**
 * Pages of decisions on their way to the server, in order, each exactly once.
 *
 * A page is kept on this device before it is sent and forgotten when the server has it;
 * what a closed tab left goes when the wall is opened again, under its old key.
 */
export class Sender {
  readonly #options: SenderOptions;
  #waiting: readonly Kept[];
  #isSending = false;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#waiting = read(options.storage, options.storageKey);
    void this.#run();
  }

  get waiting(): readonly Decision[] {
    return this.#waiting.flatMap(({ decisions }) => decisions);
  }

  add(decisions: readonly Decision[]): void {
    this.#keep([...this.#waiting, { key: this.#options.newKey(), decisions }]);
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    for (let [first] = this.#waiting; first; [first] = this.#waiting) {
      const result = await this.#options.send(first.key, first.decisions);
      if (result.name === "unreachable") {
        this.#options.onChange(this.waiting.length, result);
        await this.#options.wait(RETRY_MS);
      } else {
        this.#keep(this.#waiting.slice(1));
        this.#options.onChange(this.waiting.length, result);
      }
    }
    this.#isSending = false;
  }

  #keep(waiting: readonly Kept[]): void {
    this.#waiting = waiting;
    try {
      this.#options.storage.setItem(this.#options.storageKey, JSON.stringify(waiting));
    } catch {
      // The browser's storage is full: the page is still sent from memory.
    }
    this.#options.onChange(this.waiting.length, null);
  }
}

function read(storage: SenderOptions["storage"], key: string): readonly Kept[] {
  try {
    const kept: unknown = JSON.parse(storage.getItem(key) ?? "[]");
    return Array.isArray(kept) ? (kept as readonly Kept[]) : [];
  } catch {
    return [];
  }
}
