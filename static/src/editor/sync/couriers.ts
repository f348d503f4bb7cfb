import type { Journal } from "./journal.ts";
import { Outbox, type OutboxOptions } from "./outbox.ts";
import type { Transport } from "./transport.ts";

export type CourierOptions = Pick<OutboxOptions, "clock" | "newKey"> & {
  readonly journal: Journal;
  readonly transport: Transport;
  /** The number of objects that wait, of all images that are not open. */
  readonly onWaiting: (waiting: number) => void;
};

/** What is left of images that are not open (any more) goes on being sent here. */
export class Couriers {
  readonly #options: CourierOptions;
  readonly #outboxes = new Map<number, Outbox>();
  /** Images whose document could not be read; tried again when the page is told to. */
  readonly #stuck = new Set<number>();

  constructor(options: CourierOptions) {
    this.#options = options;
  }

  /** Send what earlier visits left of images other than the open one. */
  async start(openId: number): Promise<void> {
    const { journal } = this.#options;
    const ids = await journal.imagesWithWork().catch(() => []);
    for (const imageId of ids) {
      if (imageId === openId) continue;
      const outbox = new Outbox({
        ...this.#options,
        imageId,
        onNews: () => {},
        onState: () => this.#tell(),
      });
      this.#outboxes.set(imageId, outbox);
      void this.#deliver(imageId, outbox);
    }
  }

  /** Take over the outbox of an image that is left. */
  take(imageId: number, outbox: Outbox): void {
    this.#outboxes.set(imageId, outbox);
    void this.#finish(imageId, outbox);
  }

  /** Give an image back to its page: its journal is no longer touched from here. */
  async giveBack(imageId: number): Promise<void> {
    const outbox = this.#outboxes.get(imageId);
    this.#outboxes.delete(imageId);
    await outbox?.close();
    this.#tell();
  }

  retry(): void {
    for (const [imageId, outbox] of this.#outboxes) {
      if (this.#stuck.delete(imageId)) void this.#deliver(imageId, outbox);
      else outbox.retry();
    }
  }

  async #deliver(imageId: number, outbox: Outbox): Promise<void> {
    const failure = await outbox.recover();
    const answer = failure ?? (await this.#options.transport.read(imageId));
    if (this.#outboxes.get(imageId) !== outbox) return;
    if (answer.name !== "read") {
      this.#stuck.add(imageId);
      return;
    }
    outbox.adopt(answer.document);
    await this.#finish(imageId, outbox);
  }

  async #finish(imageId: number, outbox: Outbox): Promise<void> {
    await outbox.flush();
    if (this.#outboxes.get(imageId) === outbox && outbox.state.waiting === 0) {
      await this.giveBack(imageId);
    }
  }

  #tell(): void {
    const states = Array.from(this.#outboxes.values(), (outbox) => outbox.state.waiting);
    this.#options.onWaiting(states.reduce((sum, waiting) => sum + waiting, 0));
  }
}
