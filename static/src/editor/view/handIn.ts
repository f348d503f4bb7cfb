import type { ImageWire } from "../core/wire.ts";
import type { Failure, Transport } from "../sync/transport.ts";
import type { Documents } from "./documents.ts";
import type { Session } from "./session.ts";

export interface HandInHost {
  readonly transport: Transport;
  readonly documents: Documents;
  session(): Session | null;
  isBusy(): boolean;
  open(imageId: number): Promise<void>;
  notice(key: string, values?: Readonly<Record<string, string | number>>): void;
  /** Show what keeps an image from being handed in. */
  showWaiting(): void;
}

/** Handing images in, one at a time, and only once all of their changes are saved. */
export class HandIn {
  readonly #host: HandInHost;
  #isSubmitting = false;

  constructor(host: HandInHost) {
    this.#host = host;
  }

  /** Save what waits, hand the image in, go on to the next; or open it again. */
  async submit(): Promise<void> {
    const session = this.#host.session();
    if (!session || this.#isSubmitting || this.#host.isBusy()) return;
    this.#isSubmitting = true;
    await session.outbox.settle();
    const { waiting } = session.outbox.state;
    if (waiting === 0) await this.#submit(session.document.image);
    else {
      this.#host.notice("submitWaits", { count: waiting });
      this.#host.showWaiting();
    }
    this.#isSubmitting = false;
  }

  async #submit({ id, state }: ImageWire): Promise<void> {
    const { transport, documents, open, notice } = this.#host;
    const answer = await (state === "submitted" ? transport.reopen(id) : transport.submit(id));
    documents.forget(id);
    if (answer.name === "reopened") await open(id);
    else if (answer.name !== "submitted") notice("submitFailed", { detail: detailOf(answer) });
    else if (answer.nextId === null) {
      await open(id);
      notice("allDone");
    } else await open(answer.nextId);
  }
}

const detailOf = (failure: Failure): string =>
  "detail" in failure ? failure.detail : failure.name;
