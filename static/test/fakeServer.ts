import type { AnnotationWire, DocumentWire, OperationWire } from "../src/editor/core/wire.ts";
import type { ReadAnswer, SendAnswer, Transport } from "../src/editor/sync/transport.ts";

const UNREACHABLE = { name: "unreachable", retryAfterS: null } as const;

/** The contract of the labeling API in memory, on a line that a test may cut at will. */
export class FakeServer implements Transport {
  readonly annotations = new Map<string, AnnotationWire>();
  readonly applied: OperationWire[] = [];
  revision = 1;
  /** What happens to the next request: it is lost on its way there, or its answer is. */
  fault: () => "none" | "request" | "answer" = () => "none";
  isSignedOut = false;
  refuses: (operation: OperationWire) => boolean = () => false;
  readonly #answers = new Map<string, SendAnswer>();

  async read(): Promise<ReadAnswer> {
    if (this.isSignedOut) return { name: "signedOut" };
    if (this.fault() !== "none") return UNREACHABLE;
    return { name: "read", document: this.document() };
  }

  async send(
    _imageId: number,
    revision: number,
    key: string,
    operations: readonly OperationWire[],
  ): Promise<SendAnswer> {
    if (this.isSignedOut) return { name: "signedOut" };
    const fault = this.fault();
    if (fault === "request") return UNREACHABLE;
    const answer = this.#answers.get(key) ?? this.#apply(revision, key, operations);
    return fault === "answer" ? UNREACHABLE : answer;
  }

  async submit() {
    return { name: "submitted", nextId: null } as const;
  }

  async reopen() {
    return { name: "reopened" } as const;
  }

  /** Somebody else saves. */
  edit(annotation: AnnotationWire): void {
    this.annotations.set(annotation.id, annotation);
    this.revision += 1;
  }

  remove(id: string): void {
    this.annotations.delete(id);
    this.revision += 1;
  }

  document(): DocumentWire {
    return {
      image: {
        id: 1,
        name: "a.jpg",
        width: 100,
        height: 80,
        url: "",
        thumbnail_url: "",
        state: "unlabeled",
        index: 1,
        count: 1,
      },
      project: { id: 1, name: "p", guide: "" },
      labels: [],
      revision: this.revision,
      annotations: Array.from(this.annotations.values()),
      predictions: [],
      previous_id: null,
      next_id: null,
    };
  }

  #apply(revision: number, key: string, operations: readonly OperationWire[]): SendAnswer {
    if (revision !== this.revision) return { name: "conflict" };
    if (operations.some(this.refuses)) return { name: "refused", detail: "no such label" };
    for (const operation of operations) {
      if (operation.op === "put") {
        this.annotations.set(operation.annotation.id, operation.annotation);
      } else this.annotations.delete(operation.id);
    }
    this.applied.push(...operations);
    this.revision += 1;
    const answer = { name: "saved", revision: this.revision } as const;
    this.#answers.set(key, answer);
    return answer;
  }
}
