import { Brush } from "../core/tools/brush.ts";
import type { Tool } from "../core/tools/tool.ts";
import type { OverlayScene } from "./draw.ts";
import type { Pointer } from "./pointer.ts";

/** What follows the pointer over the shapes, as the tool in the hand wants it. */
export function overlayOf(
  tool: Tool | null,
  pointer: Pointer,
  hasCrosshair: boolean,
): Pick<OverlayScene, "sketch" | "crosshair" | "brush" | "reach"> {
  const at = pointer.hover;
  const isBrush = tool instanceof Brush;
  return {
    sketch: tool?.sketch ?? null,
    crosshair: hasCrosshair && tool?.name !== "select" && !isBrush ? pointer.aim : null,
    brush: at && isBrush ? { at, radius: tool.radius } : null,
    reach: pointer.reach,
  };
}
