import type { Patch } from "../core/document.ts";
import type { Size } from "../core/units.ts";
import type { AnnotationWire, DocumentWire } from "../core/wire.ts";
import { backOff, type Clock } from "./clock.ts";
import type { Batch, Journal, Record } from "./journal.ts";
import {
  type Conflict,
  composeChanges,
  merge,
  newsBetween,
  newsOf,
  toOperation,
  toWireChanges,
  type WireChange,
} from "./merge.ts";
import type { Failure, Transport } from "./transport.ts";

/** Gestures that follow each other this closely travel together. */
const GATHER_MS = 250;
const SETTLE_POLL_MS = 20;

export type Connection = "fine" | "unreachable" | "signedOut" | "gone";

export interface OutboxState {
  /** Objects whose last change the server does not have. */
  readonly waiting: number;
  readonly connection: Connection;
  /** False where this browser could not keep the waiting changes on its disk. */
  readonly isKept: boolean;
  readonly conflicts: readonly Conflict[];
  readonly refusals: readonly Refusal[];
}

export interface Refusal {
  readonly change: WireChange;
  readonly detail: string;
}

export type AdoptedDocument = Pick<DocumentWire, "revision" | "annotations" | "image">;

export interface OutboxOptions {
  readonly imageId: number;
  readonly journal: Journal;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly newKey: () => string;
  /** What others did, to be shown as soon as no gesture is open. */
  readonly onNews: (news: Patch) => void;
  readonly onState: (state: OutboxState) => void;
}

/**
 * The way of one image's changes to the server.
 *
 * Each change is journaled before anything else happens to it, gathered into a batch that
 * is fixed under an idempotency key, and sent until the server has answered for it. What
 * the server is known to hold decides what is clean and what is a conflict; a conflict or
 * a refusal holds up its own object and nothing else.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #server = new Map<string, AnnotationWire>();
  #image: Size | null = null;
  #revision = 0;
  #records: Record[] = [];
  #batches: Batch[] = [];
  #appends: Promise<void> = Promise.resolve();
  #conflicts = new Map<string, Conflict>();
  #refusals = new Map<string, Refusal>();
  #connection: Connection = "fine";
  #isKept = true;
  #running: Promise<void> | null = null;
  #wake: (() => void) | null = null;
  #isAdopted = false;
  #isClosed = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  get state(): OutboxState {
    return {
      waiting: new Set(this.#pending().map(({ id }) => id)).size,
      connection: this.#connection,
      isKept: this.#isKept,
      conflicts: Array.from(this.#conflicts.values()),
      refusals: Array.from(this.#refusals.values()),
    };
  }

  /**
   * Take up what an earlier visit left, before the document is read.
   *
   * A batch that was on its way may have arrived: it is sent again under its key, and
   * counts as arrived only when the server says so. All else waits to be merged.
   *
   * @returns why the server could not be asked; null when all is settled.
   */
  async recover(): Promise<Failure | null> {
    const { journal, imageId } = this.#options;
    const { records, batches } = await journal.load(imageId).catch(() => {
      this.#isKept = false;
      return { records: [], batches: [] };
    });
    this.#records = records;
    // The last first: held changes are put before what has been done since.
    for (const batch of batches.toReversed()) {
      const failure = await this.#settleLeftover(batch);
      if (failure) return failure;
    }
    return null;
  }

  /**
   * Adopt the server's document and merge what waits here into it.
   *
   * @returns what to show: the server's shapes with the waiting changes on them.
   */
  adopt({ revision, annotations, image }: AdoptedDocument): AnnotationWire[] {
    this.#learn(revision, annotations);
    this.#image = image;
    this.#isAdopted = true;
    const shown = new Map(this.#server);
    for (const { id, after } of this.#changes()) {
      if (after) shown.set(id, after);
      else shown.delete(id);
    }
    if (this.#hasSendable()) void this.flush();
    return Array.from(shown.values());
  }

  /** Keep a gesture, and send it soon. Resolves when the disk has it. */
  record(patch: Patch): Promise<void> {
    const changes = toWireChanges(patch, this.#image);
    if (changes.length === 0) return Promise.resolve();
    const { journal, imageId } = this.#options;
    // A new change of a refused object may be its cure.
    for (const { id } of changes) this.#refusals.delete(id);
    const fresh = changes.map((change): Record => ({ seq: null, imageId, change }));
    this.#records.push(...fresh);
    const kept = this.#appends
      .then(() => journal.append(imageId, changes))
      .then(
        (seqs) => {
          const numbered = new Map(fresh.map((record, at) => [record, seqs[at] ?? null]));
          this.#records = this.#records.map((record) =>
            numbered.has(record) ? { ...record, seq: numbered.get(record) ?? null } : record,
          );
        },
        () => {
          this.#isKept = false;
        },
      );
    this.#appends = kept;
    this.#tell();
    void this.flush();
    return kept;
  }

  /** Send all that waits; resolves when nothing is left that could be sent. */
  flush(): Promise<void> {
    if (this.#isClosed || !this.#isAdopted) return Promise.resolve();
    this.#running ??= this.#drain().finally(() => {
      this.#running = null;
      this.#tell();
      if (this.#hasSendable() && this.#connection === "fine") void this.flush();
    });
    return this.#running;
  }

  /** Send all that waits as far as it goes now: done, or the first failure. */
  async settle(): Promise<void> {
    void this.flush();
    while (this.#connection === "fine" && this.#hasSendable()) {
      await this.#options.clock.wait(SETTLE_POLL_MS);
    }
    if (this.#connection === "fine") await this.#running;
  }

  /** Try again now: the network is back, or the person has signed in. */
  retry(): void {
    this.#wake?.();
    if (this.#hasSendable()) void this.flush();
  }

  /**
   * Stop sending; what waits stays in the journal for the next visit.
   *
   * Resolves when the journal is no longer touched, so that the next visit may read it.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wake?.();
    await this.#running;
    await this.#appends;
  }

  /** Settle a conflict: this person's version, or the other's. */
  resolve(id: string, choice: "mine" | "theirs"): void {
    const conflict = this.#conflicts.get(id);
    if (!conflict) return;
    const mine = this.#lastOf(id) ?? conflict.change;
    this.#conflicts.delete(id);
    this.#forget([id]);
    if (choice === "theirs") this.#options.onNews(newsOf(id, mine.after, conflict.theirs));
    else void this.record(newsOf(id, conflict.theirs, mine.after));
    this.#tell();
  }

  /** Give up a change that the server does not take, and show what the server has. */
  discard(id: string): void {
    const refusal = this.#refusals.get(id);
    if (!refusal) return;
    const mine = this.#lastOf(id) ?? refusal.change;
    this.#refusals.delete(id);
    this.#forget([id]);
    this.#options.onNews(newsOf(id, mine.after, this.#server.get(id) ?? null));
    this.#tell();
  }

  async #settleLeftover(batch: Batch): Promise<Failure | null> {
    const { transport, imageId } = this.#options;
    const { key, revision, changes } = batch;
    if (revision !== null) {
      const answer = await transport.send(imageId, revision, key, changes.map(toOperation));
      if (answer.name === "unreachable" || answer.name === "signedOut") return answer;
      if (answer.name === "saved") {
        await this.#replace([], [key], []);
        return null;
      }
    }
    for (const change of changes) await this.#hold(change);
    await this.#replace([], [key], []);
    return null;
  }

  async #drain(): Promise<void> {
    await this.#options.clock.wait(GATHER_MS);
    for (let attempt = 0; !this.#isClosed; ) {
      await this.#appends;
      const batch = this.#batches[0] ?? (await this.#freeze());
      if (!batch) return;
      const failure = await this.#sendBatch(batch);
      this.#connection = failure ? connectionOf(failure) : "fine";
      this.#tell();
      attempt = failure ? attempt + 1 : 0;
      if (failure) await this.#rest(failure, attempt);
    }
  }

  /** Gather the records that may go into a batch; hold back those in conflict. */
  async #freeze(): Promise<Batch | null> {
    const records = this.#records.filter(({ change }) => !this.#isHeld(change.id));
    if (records.length === 0) return null;
    const { clean, conflicts } = merge(
      composeChanges(records.map(({ change }) => change)),
      this.#server,
    );
    for (const conflict of conflicts) this.#conflicts.set(conflict.change.id, conflict);
    const taken = new Set(records.filter(({ change }) => !this.#isHeld(change.id)));
    const batches = clean.length > 0 ? [this.#newBatch(clean)] : [];
    this.#records = this.#records.filter((record) => !taken.has(record));
    this.#batches.push(...batches);
    await this.#replace(Array.from(taken), [], batches);
    return batches[0] ?? null;
  }

  async #sendBatch(batch: Batch): Promise<Failure | null> {
    const { transport, imageId } = this.#options;
    const sent = batch.revision === null ? { ...batch, revision: this.#revision } : batch;
    if (sent !== batch) await this.#swap(batch, [sent]);
    const revision = sent.revision ?? this.#revision;
    const operations = sent.changes.map(toOperation);
    const answer = await transport.send(imageId, revision, sent.key, operations);
    switch (answer.name) {
      case "saved":
        this.#revision = Math.max(this.#revision, answer.revision);
        for (const { id, after } of sent.changes) {
          if (after) this.#server.set(id, after);
          else this.#server.delete(id);
        }
        await this.#swap(sent, []);
        return null;
      case "conflict":
        return this.#reread();
      case "refused":
        await this.#divide(sent, answer.detail);
        return null;
      default:
        return answer;
    }
  }

  /** Somebody else was quicker: learn what they did and merge every batch into it. */
  async #reread(): Promise<Failure | null> {
    const answer = await this.#options.transport.read(this.#options.imageId);
    if (answer.name !== "read") return answer;
    const before = new Map(this.#server);
    this.#learn(answer.document.revision, answer.document.annotations);
    await this.#rebase();
    const pending = new Set(this.#pending().map(({ id }) => id));
    const news = newsBetween(before, this.#server, pending);
    if (news.size > 0) this.#options.onNews(news);
    return null;
  }

  #learn(revision: number, annotations: readonly AnnotationWire[]): void {
    this.#revision = revision;
    this.#server.clear();
    for (const annotation of annotations) this.#server.set(annotation.id, annotation);
  }

  async #rebase(): Promise<void> {
    const old = this.#batches;
    const { clean, conflicts } = merge(
      composeChanges(old.flatMap(({ changes }) => changes)),
      this.#server,
    );
    this.#batches = clean.length > 0 ? [this.#newBatch(clean)] : [];
    for (const conflict of conflicts) await this.#hold(conflict.change);
    for (const conflict of conflicts) this.#conflicts.set(conflict.change.id, conflict);
    await this.#replace(
      [],
      old.map(({ key }) => key),
      this.#batches,
    );
  }

  /** A refused batch is halved until the one object that the server minds stands alone. */
  async #divide(batch: Batch, detail: string): Promise<void> {
    const [first, ...others] = batch.changes;
    if (first && others.length === 0) {
      this.#refusals.set(first.id, { change: first, detail });
      await this.#hold(first);
      await this.#swap(batch, []);
      return;
    }
    const middle = Math.ceil(batch.changes.length / 2);
    const halves = [batch.changes.slice(0, middle), batch.changes.slice(middle)];
    await this.#swap(
      batch,
      halves.map((changes) => this.#newBatch(changes)),
    );
  }

  /** Put a change back, as one with what has since been done to its object. */
  async #hold(change: WireChange): Promise<void> {
    const { journal, imageId } = this.#options;
    const later = this.#records.filter((record) => record.change.id === change.id);
    const [whole = change] = composeChanges([change, ...later.map((record) => record.change)]);
    const seqs = await journal.append(imageId, [whole]).catch(() => []);
    this.#records = this.#records.filter((record) => !later.includes(record));
    this.#records.push({ seq: seqs[0] ?? null, imageId, change: whole });
    await this.#replace(later, [], []);
  }

  async #swap(batch: Batch, successors: readonly Batch[]): Promise<void> {
    this.#batches = this.#batches.flatMap((one) => (one.key === batch.key ? successors : [one]));
    const isRenamed = successors.every(({ key }) => key !== batch.key);
    await this.#replace([], isRenamed ? [batch.key] : [], successors);
  }

  async #replace(
    records: readonly Record[],
    keys: readonly string[],
    batches: readonly Batch[],
  ): Promise<void> {
    const seqs = records.map(({ seq }) => seq).filter((seq) => seq !== null);
    await this.#options.journal.replace(seqs, keys, batches).catch(() => {
      this.#isKept = false;
    });
  }

  #forget(ids: readonly string[]): void {
    const gone = this.#records.filter(({ change }) => ids.includes(change.id));
    this.#records = this.#records.filter((record) => !gone.includes(record));
    void this.#replace(gone, [], []);
  }

  /** Everything of this person that the server does not have, in order. */
  #pending(): WireChange[] {
    return [...this.#batches.flatMap((batch) => batch.changes), ...this.#changes()];
  }

  async #rest(failure: Failure, attempt: number): Promise<void> {
    const waitMs =
      failure.name === "unreachable" && failure.retryAfterS !== null
        ? failure.retryAfterS * 1000
        : backOff(attempt, this.#options.clock.random());
    await Promise.race([
      this.#options.clock.wait(waitMs),
      new Promise<void>((resolve) => {
        this.#wake = resolve;
      }),
    ]);
    this.#wake = null;
  }

  #newBatch(changes: readonly WireChange[]): Batch {
    const { newKey, imageId } = this.#options;
    return { key: newKey(), imageId, revision: null, changes };
  }

  #changes(): WireChange[] {
    return this.#records.map(({ change }) => change);
  }

  #lastOf(id: string): WireChange | undefined {
    return composeChanges(this.#changes().filter((change) => change.id === id))[0];
  }

  #isHeld(id: string): boolean {
    return this.#conflicts.has(id) || this.#refusals.has(id);
  }

  #hasSendable(): boolean {
    return this.#batches.length > 0 || this.#records.some(({ change }) => !this.#isHeld(change.id));
  }

  #tell(): void {
    this.#options.onState(this.state);
  }
}

function connectionOf({ name }: Failure): Connection {
  return name === "refused" ? "fine" : name;
}
