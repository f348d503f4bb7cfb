import type { DocumentWire } from "../core/wire.ts";
import type { Transport } from "../sync/transport.ts";

const KEEP = 12;

/** Documents of neighbouring images, read once: for the strip, and to fetch pictures ahead. */
export class Documents {
  readonly #transport: Pick<Transport, "read">;
  readonly #known = new Map<number, DocumentWire>();

  constructor(transport: Pick<Transport, "read">) {
    this.#transport = transport;
  }

  async get(imageId: number): Promise<DocumentWire | null> {
    const known = this.#known.get(imageId);
    if (known) return known;
    const answer = await this.#transport.read(imageId);
    if (answer.name !== "read") return null;
    this.keep(answer.document);
    return answer.document;
  }

  keep(document: DocumentWire): void {
    this.forget(document.image.id);
    this.#known.set(document.image.id, document);
    for (const oldest of Array.from(this.#known.keys()).slice(0, -KEEP)) this.forget(oldest);
  }

  forget(imageId: number): void {
    this.#known.delete(imageId);
  }
}
