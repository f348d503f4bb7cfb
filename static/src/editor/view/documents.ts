import type { Calibration } from "../core/calibration.ts";
import type { DocumentWire } from "../core/wire.ts";
import type { Adviser, Transport } from "../sync/transport.ts";

const KEEP = 12;

/** Documents of neighbouring images, read once: for the strip, and to fetch pictures ahead. */
export class Documents {
  readonly #transport: Pick<Transport & Adviser, "read" | "calibration">;
  readonly #calibrations = new Map<number, Promise<Calibration | null>>();
  readonly #known = new Map<number, DocumentWire>();

  constructor(transport: Pick<Transport & Adviser, "read" | "calibration">) {
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

  /** Read once a visit: it moves slowly. */
  calibration(projectId: number): Promise<Calibration | null> {
    const known = this.#calibrations.get(projectId);
    if (known) return known;
    const reading = this.#transport.calibration(projectId);
    this.#calibrations.set(projectId, reading);
    return reading;
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
