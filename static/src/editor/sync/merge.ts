import type { Patch, Shape } from "../core/document.ts";
import { clipped, type Size } from "../core/units.ts";
import {
  type AnnotationWire,
  fromAnnotation,
  isSame,
  type OperationWire,
  toAnnotation,
} from "../core/wire.ts";

/** What one person did to one object, as it is kept and sent; null is "not there". */
export interface WireChange {
  readonly id: string;
  readonly before: AnnotationWire | null;
  readonly after: AnnotationWire | null;
}

/** The same object changed here and there, in two ways. */
export interface Conflict {
  readonly change: WireChange;
  readonly theirs: AnnotationWire | null;
}

export type ServerShapes = ReadonlyMap<string, AnnotationWire>;

export interface Merged {
  /** Changes of objects that nobody else has touched; safe to send. */
  readonly clean: readonly WireChange[];
  readonly conflicts: readonly Conflict[];
}

/** @param image what to clip boxes to: a turned shape may stick out, its box may not. */
export function toWireChanges(patch: Patch, image: Size | null): WireChange[] {
  const write = (shape: Shape | undefined): AnnotationWire | null => {
    if (!shape) return null;
    const wire = toAnnotation(shape);
    return image ? { ...wire, bbox: clipped(wire.bbox, image) } : wire;
  };
  return Array.from(patch, ([id, { before, after }]) => ({
    id,
    before: write(before),
    after: write(after),
  })).filter(({ before, after }) => !isSameWire(before, after));
}

/** One change an object: from where its first began to where its last ended. */
export function composeChanges(changes: readonly WireChange[]): WireChange[] {
  const composed = new Map<string, WireChange>();
  for (const { id, before, after } of changes) {
    composed.set(id, { id, after, before: (composed.get(id) ?? { before }).before });
  }
  return Array.from(composed.values());
}

/**
 * Merge by object: a change is clean where the server still has what it began from.
 *
 * A change that the server already has (by an earlier, unanswered sending, or because two
 * people agree) is done and drops out.
 */
export function merge(changes: readonly WireChange[], server: ServerShapes): Merged {
  const clean: WireChange[] = [];
  const conflicts: Conflict[] = [];
  for (const change of changes) {
    const theirs = server.get(change.id) ?? null;
    if (isSameWire(theirs, change.after)) continue;
    if (isSameWire(theirs, change.before)) clean.push(change);
    else conflicts.push({ change, theirs });
  }
  return { clean, conflicts };
}

export function isSameWire(a: AnnotationWire | null, b: AnnotationWire | null): boolean {
  return isSame(a ? fromAnnotation(a) : undefined, b ? fromAnnotation(b) : undefined);
}

export function toOperation({ id, after }: WireChange): OperationWire {
  return after ? { op: "put", annotation: after } : { op: "remove", id };
}

/** What to show when one object turns from this into that. */
export function newsOf(id: string, from: AnnotationWire | null, to: AnnotationWire | null): Patch {
  return new Map([
    [
      id,
      {
        ...(from && { before: fromAnnotation(from) }),
        ...(to && { after: fromAnnotation(to) }),
      },
    ],
  ]);
}

/** What others did between two states of the server, leaving out some objects. */
export function newsBetween(before: ServerShapes, after: ServerShapes, except: Set<string>): Patch {
  const ids = new Set([...before.keys(), ...after.keys()]);
  const changed = Array.from(ids).filter(
    (id) => !except.has(id) && !isSameWire(before.get(id) ?? null, after.get(id) ?? null),
  );
  return new Map(
    changed.flatMap((id) => [...newsOf(id, before.get(id) ?? null, after.get(id) ?? null)]),
  );
}
