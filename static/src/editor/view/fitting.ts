import type { GeometryKind } from "../core/geometry.ts";
import { allows, type Label, type Workbench } from "../core/workbench.ts";

/** What tools draw that are not called so. */
const DRAWN: Readonly<Record<string, readonly GeometryKind[]>> = {
  scissors: ["polygon"],
  clickMask: ["polygon", "mask"],
  grabCut: ["polygon", "mask"],
  brush: ["mask"],
  eraser: ["mask"],
  justClick: ["box"],
};

function fits(label: Label | undefined, tool: string): boolean {
  const kinds = DRAWN[tool] ?? [tool as GeometryKind];
  return tool === "select" || kinds.some((kind) => allows(label, kind));
}

/** Have a label that the tool may draw; false where there is none. */
export function fitLabel(bench: Workbench, tool: string): boolean {
  const label = [bench.label, ...bench.labels].find((one) => fits(one, tool));
  if (label && label !== bench.label) bench.pickLabel(label.id);
  return label !== undefined || bench.labels.length === 0;
}

/** The tool itself where the active label may be drawn by it, else the first that may. */
export function fittingTool(bench: Workbench, tool: string, all: Iterable<string>): string {
  return (
    [tool, ...all].find((one) => fits(bench.label, one) && (one !== "select" || one === tool)) ??
    "select"
  );
}
