import type { Patch } from "../core/document.ts";
import type { Size } from "../core/units.ts";
import type { AnnotationWire, DocumentWire } from "../core/wire.ts";
import { Backlog } from "./backlog.ts";
import { backOff, type Clock } from "./clock.ts";
import type { Batch, Journal } from "./journal.ts";
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
  readonly #backlog: Backlog;
  #conflicts = new Map<string, Conflict>();
  #refusals = new Map<string, Refusal>();
  #connection: Connection = "fine";
  #running: Promise<void> | null = null;
  #wake: (() => void) | null = null;
  #isAdopted = false;
  #isClosed = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#backlog = new Backlog(options.journal, options.imageId, options.newKey);
  }

  get state(): OutboxState {
    return {
      waiting: new Set(this.#backlog.changes.map(({ id }) => id)).size,
      connection: this.#connection,
      isKept: this.#backlog.isKept,
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
    await this.#backlog.load();
    // The last first: held changes are put before what has been done since.
    for (const batch of this.#backlog.batches.toReversed()) {
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
    for (const { id, after } of this.#backlog.loose) {
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
    // A new change of a refused object may be its cure.
    for (const { id } of changes) this.#refusals.delete(id);
    const kept = this.#backlog.push(changes);
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
    await this.#backlog.written;
  }

  /** Settle a conflict: this person's version, or the other's. */
  resolve(id: string, choice: "mine" | "theirs"): void {
    const conflict = this.#conflicts.get(id);
    if (!conflict) return;
    const mine = this.#backlog.lastOf(id) ?? conflict.change;
    this.#conflicts.delete(id);
    this.#backlog.forget(id);
    if (choice === "theirs") this.#options.onNews(newsOf(id, mine.after, conflict.theirs));
    else void this.record(newsOf(id, conflict.theirs, mine.after));
    this.#tell();
  }

  /** Give up a change that the server does not take, and show what the server has. */
  discard(id: string): void {
    const refusal = this.#refusals.get(id);
    if (!refusal) return;
    const mine = this.#backlog.lastOf(id) ?? refusal.change;
    this.#refusals.delete(id);
    this.#backlog.forget(id);
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
        await this.#backlog.exchange([batch], []);
        return null;
      }
    }
    for (const change of changes) await this.#backlog.putBack(change);
    await this.#backlog.exchange([batch], []);
    return null;
  }

  async #drain(): Promise<void> {
    await this.#options.clock.wait(GATHER_MS);
    for (let attempt = 0; !this.#isClosed; ) {
      await this.#backlog.written;
      const batch = this.#backlog.batches[0] ?? (await this.#freeze());
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
    const loose = this.#backlog.loose.filter(({ id }) => !this.#isHeld(id));
    if (loose.length === 0) return null;
    const { clean, conflicts } = merge(composeChanges(loose), this.#server);
    for (const conflict of conflicts) this.#conflicts.set(conflict.change.id, conflict);
    const ids = loose.map(({ id }) => id).filter((id) => !this.#isHeld(id));
    return this.#backlog.freeze(new Set(ids), clean);
  }

  async #sendBatch(batch: Batch): Promise<Failure | null> {
    const { transport, imageId } = this.#options;
    const revision = batch.revision ?? this.#revision;
    const sent = batch.revision === null ? await this.#backlog.stamp(batch, revision) : batch;
    const operations = sent.changes.map(toOperation);
    const answer = await transport.send(imageId, revision, sent.key, operations);
    switch (answer.name) {
      case "saved":
        this.#revision = Math.max(this.#revision, answer.revision);
        for (const { id, after } of sent.changes) {
          if (after) this.#server.set(id, after);
          else this.#server.delete(id);
        }
        await this.#backlog.exchange([sent], []);
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
    const pending = new Set(this.#backlog.changes.map(({ id }) => id));
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
    const old = this.#backlog.batches;
    const { clean, conflicts } = merge(
      composeChanges(old.flatMap(({ changes }) => changes)),
      this.#server,
    );
    for (const conflict of conflicts) {
      this.#conflicts.set(conflict.change.id, conflict);
      await this.#backlog.putBack(conflict.change);
    }
    await this.#backlog.exchange(old, [clean]);
  }

  /** A refused batch is halved until the one object that the server minds stands alone. */
  async #divide(batch: Batch, detail: string): Promise<void> {
    const [first, ...others] = batch.changes;
    if (first && others.length === 0) {
      this.#refusals.set(first.id, { change: first, detail });
      await this.#backlog.putBack(first);
      await this.#backlog.exchange([batch], []);
      return;
    }
    const middle = Math.ceil(batch.changes.length / 2);
    const halves = [batch.changes.slice(0, middle), batch.changes.slice(middle)];
    await this.#backlog.exchange([batch], halves);
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

  #isHeld(id: string): boolean {
    return this.#conflicts.has(id) || this.#refusals.has(id);
  }

  #hasSendable(): boolean {
    const { batches, loose } = this.#backlog;
    return batches.length > 0 || loose.some(({ id }) => !this.#isHeld(id));
  }

  #tell(): void {
    this.#options.onState(this.state);
  }
}

function connectionOf({ name }: Failure): Connection {
  return name === "refused" ? "fine" : name;
}
