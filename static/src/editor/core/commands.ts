import { answered } from "./asked.ts";
import type { Shape } from "./document.ts";
import type { Vertex } from "./geometry.ts";
import { type Proposal, toShape } from "./proposals.ts";
import { allowedShift, moved, reshaped, type Workbench } from "./workbench.ts";

/** What keys and buttons do to a workbench; each is one undo step or none. */

export function removeSelection(bench: Workbench): void {
  const ids = bench.editableSelection().map(({ id }) => id);
  if (ids.length === 0) return;
  step(bench, "remove", () => bench.editor.remove(...ids));
  const proposed = new Set(bench.proposals.all.map(({ id }) => id));
  bench.proposals.dismiss(ids.filter((id) => proposed.has(id)));
}

/** Give the label to what is drawn next, and to what a person has selected. */
export function applyLabel(bench: Workbench, labelId: number): void {
  bench.pickLabel(labelId);
  if (!bench.isSelectionMeant) return;
  change(bench, "relabel", (shape) => ({ ...shape, labelId }));
}

export function toggleFlag(bench: Workbench, flag: "isOccluded" | "isTruncated"): void {
  const isOn = bench.editableSelection().every((shape) => shape[flag]);
  change(bench, "flag", (shape) => ({ ...shape, [flag]: !isOn }));
}

/** Say something of what is selected; undefined takes it back. */
export function setAttribute(bench: Workbench, name: string, value: unknown): void {
  change(bench, "attribute", (shape) => ({
    ...shape,
    attributes: answered(bench.labelOf(shape), shape.attributes, name, value),
  }));
}

export function group(bench: Workbench): void {
  const id = bench.newId();
  if (bench.editableSelection().length > 1) {
    change(bench, "group", (shape) => ({ ...shape, group: id }));
  }
}

export function ungroup(bench: Workbench): void {
  if (bench.editableSelection().some((shape) => shape.group !== null)) {
    change(bench, "ungroup", (shape) => ({ ...shape, group: null }));
  }
}

/** Bring what is selected above all others, or below. */
export function toEdge(bench: Workbench, way: 1 | -1): void {
  const others = Array.from(bench.doc.values()).filter(({ id }) => !bench.selection.has(id));
  const layers = others.map(({ layer }) => layer * way);
  const layer = (Math.max(...layers, -1) + 1) * way;
  change(bench, "layer", (shape) => ({ ...shape, layer }));
}

/** Say the active label of the whole image, or take that back. */
export function toggleTag(bench: Workbench, labelId: number | null): void {
  if (labelId === null) return;
  const known = Array.from(bench.doc.values()).find(
    (shape) => shape.geometry.kind === "tag" && shape.labelId === labelId,
  );
  if (known) {
    step(bench, "tag", () => bench.editor.remove(known.id));
    return;
  }
  const { width, height } = bench.image;
  const made = bench.newShape(bench.newId(), { kind: "tag", bbox: [0, 0, width, height] });
  if (made) step(bench, "tag", () => bench.editor.put({ ...made, labelId }));
}

/** Hide what is selected; show it where all of it is hidden. */
export function toggleHidden(bench: Workbench): void {
  const ids = Array.from(bench.selection);
  bench.setHidden(ids, !ids.every((id) => bench.isHidden(id)));
}

export function toggleAllHidden(bench: Workbench): void {
  const ids = Array.from(bench.doc.keys());
  bench.setHidden(ids, !ids.some((id) => bench.isHidden(id)));
}

export function toggleLocked(bench: Workbench): void {
  const ids = Array.from(bench.selection);
  bench.setLocked(ids, !ids.every((id) => bench.isLocked(id)));
}

export function nudge(bench: Workbench, dx: number, dy: number): void {
  const shapes = bench.editableSelection();
  const [x, y] = allowedShift(shapes, bench.image, dx, dy);
  if (x !== 0 || y !== 0) change(bench, "move", (shape) => moved(shape, x, y));
}

export function selectAll(bench: Workbench): void {
  const { width, height } = bench.image;
  const all = bench.shapesIn([0, 0, width, height]);
  bench.select(all.map(({ id }) => id).filter((id) => !bench.isLocked(id)));
}

/** Select the next (or previous) shape in the order of the document. */
export function selectNext(bench: Workbench, by: 1 | -1): void {
  const ids = Array.from(bench.doc.keys()).filter((id) => !bench.isHidden(id));
  const current = ids.indexOf(Array.from(bench.selection).at(-1) ?? "");
  const from = current < 0 && by < 0 ? 0 : current;
  const next = ids[(from + by + ids.length) % ids.length];
  if (next) bench.select([next]);
}

export function acceptProposal(bench: Workbench): void {
  const proposal = bench.proposals.focused;
  if (!proposal) {
    focusNextProposal(bench, 1);
    return;
  }
  const successor = neighbour(bench, 1);
  acceptOne(bench, proposal);
  bench.proposals.focus(successor);
}

export function acceptOne(bench: Workbench, proposal: Proposal): void {
  step(bench, "accept", () => bench.editor.put(toShape(proposal)));
  bench.select([proposal.id]);
}

/** Accept what is at or above the threshold; of one label, or of all. */
export function acceptAllProposals(bench: Workbench, labelId: number | null = null): number {
  const open = ofLabel(bench, labelId);
  if (open.length > 0) step(bench, "acceptAll", () => bench.editor.put(...open.map(toShape)));
  return open.length;
}

export function rejectAllProposals(bench: Workbench, labelId: number): void {
  bench.proposals.dismiss(ofLabel(bench, labelId).map(({ id }) => id));
}

function ofLabel(bench: Workbench, labelId: number | null): readonly Proposal[] {
  const { open } = bench.proposals;
  return labelId === null ? open : open.filter((one) => one.labelId === labelId);
}

/** A click where no shape is: a proposal comes into focus, a dot becomes a shape. */
export function pickProposal(bench: Workbench, at: Vertex, reach: number): boolean {
  const proposal = bench.proposals.at(at, reach);
  const candidate = proposal ? null : bench.proposals.candidateAt(at, reach);
  if (candidate) acceptOne(bench, candidate);
  else bench.proposals.focus(proposal?.id ?? null);
  return proposal !== null || candidate !== null;
}

/** Fit loosely drawn boxes to what the model has seen there. */
export function snap(bench: Workbench): void {
  change(bench, "snap", (shape) => {
    const proposal = shape.geometry.kind === "box" ? bench.proposals.bestFor(shape) : null;
    return proposal ? reshaped(shape, proposal.geometry) : shape;
  });
}

export function rejectProposal(bench: Workbench): void {
  const proposal = bench.proposals.focused;
  if (!proposal) return;
  const successor = neighbour(bench, 1);
  bench.proposals.dismiss([proposal.id]);
  bench.proposals.focus(successor);
}

export function focusNextProposal(bench: Workbench, by: 1 | -1): void {
  bench.select([]);
  bench.proposals.focus(neighbour(bench, by));
}

/** Copies of shapes, slightly apart from their originals, or in place on another image. */
export function paste(bench: Workbench, copies: readonly Shape[], offset: number): void {
  const known = new Set(bench.labels.map(({ id }) => id));
  const usable = copies.filter(({ labelId }) => known.has(labelId));
  if (usable.length === 0) return;
  const fresh = usable.map((shape) => {
    const [dx, dy] = allowedShift([shape], bench.image, offset, offset);
    return { ...moved(shape, dx, dy), id: bench.newId() };
  });
  step(bench, "paste", () => bench.editor.put(...fresh));
  bench.select(fresh.map(({ id }) => id));
}

function neighbour(bench: Workbench, by: 1 | -1): string | null {
  const { open, focused } = bench.proposals;
  if (open.length === 0) return null;
  const current = focused ? open.indexOf(focused) : -1;
  const from = current < 0 && by < 0 ? 0 : current;
  return open[(from + by + open.length) % open.length]?.id ?? null;
}

function change(bench: Workbench, name: string, edit: (shape: Shape) => Shape): void {
  const shapes = bench.editableSelection();
  if (shapes.length > 0) step(bench, name, () => bench.editor.put(...shapes.map(edit)));
}

function step(bench: Workbench, name: string, gesture: () => void): void {
  bench.editor.begin(name);
  gesture();
  bench.editor.commit();
}
