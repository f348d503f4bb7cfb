import { apply, type Doc, invert, type Patch } from "./document.ts";
import type { Step } from "./editor.ts";
import { isSame } from "./wire.ts";

export interface History {
  readonly done: readonly Step[];
  readonly undone: readonly Step[];
}

/**
 * The part of an earlier visit's history that still fits a document.
 *
 * What others have changed since cannot be undone from here: steps that would overwrite it
 * are left out, with all that lie behind them.
 */
export function fitting(doc: Doc, history: History): History {
  const done = history.done.slice(
    history.done.length - numFitting(doc, history.done.toReversed(), true),
  );
  const undone = history.undone.slice(
    history.undone.length - numFitting(doc, history.undone.toReversed(), false),
  );
  return { done, undone };
}

/** How many steps, nearest first, can be taken (back) from this document one by one. */
function numFitting(doc: Doc, steps: readonly Step[], isBack: boolean): number {
  let at = doc;
  for (const [number, { patch }] of steps.entries()) {
    const way = isBack ? invert(patch) : patch;
    if (!startsFrom(way, at)) return number;
    at = apply(at, way);
  }
  return steps.length;
}

const startsFrom = (patch: Patch, doc: Doc): boolean =>
  Array.from(patch).every(([id, { before }]) => isSame(doc.get(id), before));
