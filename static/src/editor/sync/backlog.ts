import type { Batch, Journal, Record } from "./journal.ts";
import { composeChanges, type WireChange } from "./merge.ts";

/**
 * What one image still has to send: loose changes, and batches that are fixed already.
 *
 * It is worked on in memory, where it is whole even when the disk is not; the journal
 * follows, one write after another, so that it tells the same story in the same order.
 */
export class Backlog {
  readonly #journal: Journal;
  readonly #imageId: number;
  readonly #newKey: () => string;
  #records: Record[] = [];
  #batches: Batch[] = [];
  #writes: Promise<void> = Promise.resolve();
  #isKept = true;

  constructor(journal: Journal, imageId: number, newKey: () => string) {
    this.#journal = journal;
    this.#imageId = imageId;
    this.#newKey = newKey;
  }

  /** False once the journal has refused something. */
  get isKept(): boolean {
    return this.#isKept;
  }

  get batches(): readonly Batch[] {
    return this.#batches;
  }

  /** Resolves when the journal has all that is known by now. */
  get written(): Promise<void> {
    return this.#writes;
  }

  get loose(): WireChange[] {
    return this.#records.map(({ change }) => change);
  }

  /** Everything that the server does not have, in order. */
  get changes(): WireChange[] {
    return [...this.#batches.flatMap((batch) => batch.changes), ...this.loose];
  }

  async load(): Promise<void> {
    const nothing = { records: [], batches: [] };
    const { records, batches } = await this.#journal.load(this.#imageId).catch(() => {
      this.#isKept = false;
      return nothing;
    });
    this.#records = records;
    this.#batches = batches;
  }

  push(changes: readonly WireChange[]): Promise<void> {
    const fresh = changes.map((change): Record => ({ seq: null, imageId: this.#imageId, change }));
    this.#records.push(...fresh);
    // It waits for no earlier write: until the disk has it, it dies with the tab.
    const appending = this.#journal.append(this.#imageId, changes);
    return this.#write(async () => {
      const seqs = await appending;
      for (const [at, record] of fresh.entries()) record.seq = seqs[at] ?? null;
    });
  }

  /** Put a change back among the loose ones, as one with what was done to its object since. */
  async putBack(change: WireChange): Promise<void> {
    const later = this.#records.filter((record) => record.change.id === change.id);
    const whole = composeChanges([change, ...later.map((record) => record.change)]);
    this.#records = this.#records.filter((record) => !later.includes(record));
    const pushed = this.push(whole);
    void this.#replace(later, [], []);
    await pushed;
  }

  /** What was done to one object, as one change. */
  lastOf(id: string): WireChange | undefined {
    return composeChanges(this.loose.filter((change) => change.id === id))[0];
  }

  forget(id: string): void {
    const gone = this.#records.filter(({ change }) => change.id === id);
    this.#records = this.#records.filter((record) => !gone.includes(record));
    void this.#replace(gone, [], []);
  }

  /** Take loose changes of some objects out and fix a batch of changes in their place. */
  async freeze(ids: ReadonlySet<string>, changes: readonly WireChange[]): Promise<Batch | null> {
    const taken = this.#records.filter(({ change }) => ids.has(change.id));
    this.#records = this.#records.filter((record) => !taken.includes(record));
    const batches = changes.length > 0 ? [this.#newBatch(changes)] : [];
    this.#batches.push(...batches);
    await this.#replace(taken, [], batches);
    return batches[0] ?? null;
  }

  /** Fix the revision that a batch is sent to. */
  async stamp(batch: Batch, revision: number): Promise<Batch> {
    const stamped = { ...batch, revision };
    this.#batches = this.#batches.map((one) => (one.key === batch.key ? stamped : one));
    await this.#replace([], [], [stamped]);
    return stamped;
  }

  /** Put other batches, under keys of their own, in the place of one or more. */
  async exchange(
    old: readonly Batch[],
    successors: readonly (readonly WireChange[])[],
  ): Promise<void> {
    const keys = old.map(({ key }) => key);
    const batches = successors.filter(({ length }) => length > 0).map((one) => this.#newBatch(one));
    const rest = this.#batches.filter(({ key }) => !keys.includes(key));
    this.#batches = [...batches, ...rest];
    await this.#replace([], keys, batches);
  }

  #newBatch(changes: readonly WireChange[]): Batch {
    return { key: this.#newKey(), imageId: this.#imageId, revision: null, changes };
  }

  /** Sequence numbers are read when the write's turn comes: by then they are there. */
  #replace(
    records: readonly Record[],
    keys: readonly string[],
    batches: readonly Batch[],
  ): Promise<void> {
    const numbers = () => records.map(({ seq }) => seq).filter((seq) => seq !== null);
    return this.#write(() => this.#journal.replace(numbers(), keys, batches));
  }

  #write(write: () => Promise<void>): Promise<void> {
    this.#writes = this.#writes.then(write).catch(() => {
      this.#isKept = false;
    });
    return this.#writes;
  }
}
