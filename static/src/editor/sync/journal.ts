import type { WireChange } from "./merge.ts";

/** One change as it waits; `seq` is null until, and unless, this device has kept it. */
export interface Record {
  seq: number | null;
  readonly imageId: number;
  readonly change: WireChange;
}

/**
 * Changes as they are sent: fixed once made, so that sending them again under the same
 * key means the same thing.
 */
export interface Batch {
  readonly key: string;
  readonly imageId: number;
  /** The revision of the first sending; null until then. */
  readonly revision: number | null;
  readonly changes: readonly WireChange[];
}

/** What must outlive the page. Every write is one transaction. */
export interface Journal {
  load(imageId: number): Promise<{ readonly records: Record[]; readonly batches: Batch[] }>;
  imagesWithWork(): Promise<number[]>;
  append(imageId: number, changes: readonly WireChange[]): Promise<number[]>;
  /** Replace records and batches by batches: freezing, splitting, settling. */
  replace(
    seqs: readonly number[],
    keys: readonly string[],
    batches: readonly Batch[],
  ): Promise<void>;
  keep(name: string, value: unknown): Promise<void>;
  recall(name: string): Promise<unknown>;
}

const VERSION = 1;

export async function openJournal(name: string, factory: IDBFactory): Promise<Journal> {
  const opening = factory.open(name, VERSION);
  opening.onupgradeneeded = () => {
    const { result } = opening;
    result.createObjectStore("records", { keyPath: "seq", autoIncrement: true });
    result.createObjectStore("batches", { keyPath: "key" });
    result.createObjectStore("kept");
  };
  const database = await answer(opening);
  return new IndexedJournal(database);
}

class IndexedJournal implements Journal {
  readonly #database: IDBDatabase;

  constructor(database: IDBDatabase) {
    this.#database = database;
  }

  async load(imageId: number) {
    const all = await this.#all();
    return {
      records: all.records.filter((record) => record.imageId === imageId),
      batches: all.batches.filter((batch) => batch.imageId === imageId),
    };
  }

  async imagesWithWork(): Promise<number[]> {
    const { records, batches } = await this.#all();
    return Array.from(new Set([...records, ...batches].map(({ imageId }) => imageId)));
  }

  async append(imageId: number, changes: readonly WireChange[]): Promise<number[]> {
    const transaction = this.#write(["records"]);
    const store = transaction.objectStore("records");
    const keys = changes.map((change) => answer(store.add({ imageId, change })));
    // Asked for here and now: a tab that dies before the answer would take the gesture along.
    transaction.commit();
    await done(transaction);
    return (await Promise.all(keys)) as number[];
  }

  async replace(
    seqs: readonly number[],
    keys: readonly string[],
    batches: readonly Batch[],
  ): Promise<void> {
    const transaction = this.#write(["records", "batches"]);
    for (const seq of seqs) transaction.objectStore("records").delete(seq);
    for (const key of keys) transaction.objectStore("batches").delete(key);
    for (const batch of batches) transaction.objectStore("batches").put(batch);
    await done(transaction);
  }

  async keep(name: string, value: unknown): Promise<void> {
    const transaction = this.#write(["kept"]);
    transaction.objectStore("kept").put(value, name);
    await done(transaction);
  }

  recall(name: string): Promise<unknown> {
    return answer(this.#database.transaction("kept").objectStore("kept").get(name));
  }

  async #all(): Promise<{ records: Record[]; batches: Batch[] }> {
    const transaction = this.#database.transaction(["records", "batches"]);
    const records = answer(transaction.objectStore("records").getAll());
    const batches = answer(transaction.objectStore("batches").getAll());
    return { records: (await records) as Record[], batches: (await batches) as Batch[] };
  }

  #write(stores: string[]): IDBTransaction {
    // Strict: a gesture is told to be safe only when the disk has it.
    return this.#database.transaction(stores, "readwrite", { durability: "strict" });
  }
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function done(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

/** Where the browser refuses to keep anything (private windows, a full disk). */
export function forgetfulJournal(): Journal {
  return {
    load: async () => ({ records: [], batches: [] }),
    imagesWithWork: async () => [],
    append: async () => {
      throw new Error("this browser keeps nothing");
    },
    replace: async () => {},
    keep: async () => {},
    recall: async () => undefined,
  };
}
