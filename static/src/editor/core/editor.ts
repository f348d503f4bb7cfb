import { apply, change, compose, type Doc, invert, type Patch, type Shape } from "./document.ts";

const NOTHING: Patch = new Map();

/** "preview" while a gesture is open; "commit" changes nothing that is not already shown. */
export type Cause = "preview" | "commit" | "cancel" | "undo" | "redo" | "news";

export interface Happening {
  readonly cause: Cause;
  readonly patch: Patch;
}

/** What people may make of a document; what others did and what is taken back may be. */
export interface Rule {
  allows(after: Shape, before: Shape | undefined): boolean;
  refused(): void;
}

/** One undo step; `name` is the message key that the interface shows for it. */
export interface Step {
  readonly name: string;
  readonly patch: Patch;
}

/**
 * The document and its history.
 *
 * Every change happens inside a gesture. Its changes show at once; on commit they become
 * one undo step, on cancel they never were. Undo is the inverse of what was recorded, so
 * no tool writes any undo code. News from the server enters outside history.
 */
export class Editor {
  #doc: Doc;
  #gesture: { readonly name: string; patch: Patch } | null = null;
  #done: Step[] = [];
  #undone: Step[] = [];
  readonly #listeners = new Set<(happening: Happening) => void>();
  readonly #rule: Rule | undefined;

  constructor(doc: Doc = new Map(), rule?: Rule) {
    this.#doc = doc;
    this.#rule = rule;
  }

  get doc(): Doc {
    return this.#doc;
  }

  get isOpen(): boolean {
    return this.#gesture !== null;
  }

  get nextUndo(): string | null {
    return this.#done.at(-1)?.name ?? null;
  }

  get nextRedo(): string | null {
    return this.#undone.at(-1)?.name ?? null;
  }

  get history(): { readonly done: readonly Step[]; readonly undone: readonly Step[] } {
    return { done: this.#done, undone: this.#undone };
  }

  /** Take up the history of an earlier visit; it must belong to this document. */
  restoreHistory(done: readonly Step[], undone: readonly Step[]): void {
    this.#mustBeIdle();
    this.#done = [...done];
    this.#undone = [...undone];
  }

  subscribe(listener: (happening: Happening) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  begin(name: string): void {
    this.#mustBeIdle();
    this.#gesture = { name, patch: NOTHING };
  }

  put(...shapes: readonly Shape[]): void {
    const rule = this.#rule;
    const allowed = shapes.filter((shape) => rule?.allows(shape, this.#doc.get(shape.id)) ?? true);
    if (allowed.length < shapes.length) rule?.refused();
    this.#record(allowed.map((shape) => [shape.id, shape]));
  }

  remove(...ids: readonly string[]): void {
    this.#record(ids.map((id) => [id, undefined]));
  }

  commit(): void {
    const step = this.#close();
    if (step.patch.size === 0) return;
    this.#done.push(step);
    this.#undone = [];
    this.#tell("commit", step.patch);
  }

  cancel(): void {
    this.#show("cancel", invert(this.#close().patch));
  }

  undo(): void {
    this.#mustBeIdle();
    const step = this.#done.pop();
    if (!step) return;
    this.#undone.push(step);
    this.#show("undo", invert(step.patch));
  }

  redo(): void {
    this.#mustBeIdle();
    const step = this.#undone.pop();
    if (!step) return;
    this.#done.push(step);
    this.#show("redo", step.patch);
  }

  /** Show what others did. It is no step of this person, so undo does not touch it. */
  receive(patch: Patch): void {
    this.#mustBeIdle();
    if (patch.size > 0) this.#show("news", patch);
  }

  #record(ends: readonly (readonly [string, Shape | undefined])[]): void {
    if (!this.#gesture) throw new Error("changes need an open gesture");
    const patch: Patch = new Map(
      ends.map(([id, after]) => [id, change(this.#doc.get(id), after)] as const),
    );
    this.#gesture.patch = compose(this.#gesture.patch, patch);
    this.#show("preview", patch);
  }

  #mustBeIdle(): void {
    if (this.#gesture) throw new Error("finish or cancel the open gesture first");
  }

  #close(): Step {
    if (!this.#gesture) throw new Error("no gesture is open");
    const gesture = this.#gesture;
    this.#gesture = null;
    return gesture;
  }

  #show(cause: Cause, patch: Patch): void {
    this.#doc = apply(this.#doc, patch);
    this.#tell(cause, patch);
  }

  #tell(cause: Cause, patch: Patch): void {
    for (const listener of this.#listeners) listener({ cause, patch });
  }
}
