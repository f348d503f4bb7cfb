import { zoomAt } from "../core/camera.ts";
import * as edit from "../core/commands.ts";
import { screenPoint } from "../core/units.ts";
import type { App } from "./app.ts";
import { Copying, PASTE_OFFSET_PX } from "./copying.ts";
import { Corners } from "./corners.ts";
import { Judging } from "./judging.ts";
import type { Command } from "./keys.ts";

const ZOOM_STEP = 1.25;
const NUDGE_PX = 1;

/** Every command of the editor with its default keys. The left hand reaches most of them. */
export function editorCommands(app: App): Command[] {
  return [
    ...toolCommands(app),
    ...objectCommands(app),
    ...proposalCommands(app),
    ...imageCommands(app),
    ...viewCommands(app),
  ];
}

function toolCommands(app: App): Command[] {
  return [
    { id: "select", group: "tools", keys: ["V"], run: () => app.pickTool("select") },
    { id: "box", group: "tools", keys: ["B"], run: () => app.pickTool("box") },
    { id: "polygon", group: "tools", keys: ["Q"], run: () => app.pickTool("polygon") },
    { id: "scissors", group: "tools", keys: ["U"], run: () => app.pickTool("scissors") },
    { id: "clickMask", group: "tools", keys: [";"], run: () => app.pickTool("clickMask") },
    { id: "grabCut", group: "tools", keys: ["Shift+U"], run: () => app.pickTool("grabCut") },
    { id: "brush", group: "tools", keys: ["N"], run: () => app.pickTool("brush") },
    { id: "eraser", group: "tools", keys: ["Shift+N"], run: () => app.pickTool("eraser") },
    {
      id: "rotated_box",
      group: "tools",
      keys: ["Shift+B"],
      run: () => app.pickTool("rotated_box"),
    },
    { id: "ellipse", group: "tools", keys: ["Shift+E"], run: () => app.pickTool("ellipse") },
    { id: "polyline", group: "tools", keys: ["Shift+Q"], run: () => app.pickTool("polyline") },
    { id: "points", group: "tools", keys: ["Shift+D"], run: () => app.pickTool("points") },
    {
      id: "skeleton",
      group: "tools",
      keys: ["Shift+K"],
      run: () => app.pickTool("skeleton"),
    },
    { id: "justClick", group: "tools", keys: ["J"], run: () => app.pickTool("justClick") },
    { id: "brushSmaller", group: "tools", keys: ["["], run: () => app.scaleBrush(0.8) },
    { id: "brushLarger", group: "tools", keys: ["]"], run: () => app.scaleBrush(1.25) },
    { id: "finish", group: "tools", keys: ["Enter"], run: () => app.tool()?.finish?.() },
    {
      id: "finishAsMask",
      group: "tools",
      keys: ["Shift+Enter"],
      run: () => app.tool()?.finishAsMask?.(),
    },
    { id: "escape", group: "tools", keys: ["Escape"], run: () => app.escape() },
  ];
}

function objectCommands(app: App): Command[] {
  const on = (run: (bench: Parameters<typeof edit.nudge>[0]) => void) => () => app.onBench(run);
  const copying = new Copying(app);
  const corners = new Corners(app);
  const push = (x: number, y: number) => on((bench) => edit.nudge(bench, x, y));
  return [
    { id: "undo", group: "objects", keys: ["Ctrl+Z"], run: () => app.undo() },
    { id: "redo", group: "objects", keys: ["Ctrl+Shift+Z", "Ctrl+Y"], run: () => app.redo() },
    {
      id: "remove",
      group: "objects",
      keys: ["Delete", "Backspace", "Z"],
      run: on(edit.removeSelection),
    },
    {
      id: "selectNext",
      group: "objects",
      keys: ["Tab"],
      run: on((bench) => edit.selectNext(bench, 1)),
    },
    {
      id: "selectPrevious",
      group: "objects",
      keys: ["Shift+Tab"],
      run: on((bench) => edit.selectNext(bench, -1)),
    },
    { id: "selectAll", group: "objects", keys: ["Ctrl+A"], run: on(edit.selectAll) },
    { id: "copy", group: "objects", keys: ["Ctrl+C"], run: () => copying.copy() },
    { id: "paste", group: "objects", keys: ["Ctrl+V"], run: () => copying.paste() },
    {
      id: "duplicate",
      group: "objects",
      keys: ["Ctrl+D"],
      run: on((bench) => edit.paste(bench, bench.selectedShapes(), PASTE_OFFSET_PX)),
    },
    { id: "walk", group: "objects", keys: ["K"], run: () => app.toggleWalk() },
    { id: "group", group: "objects", keys: ["Ctrl+G"], run: on(edit.group) },
    { id: "ungroup", group: "objects", keys: ["Ctrl+Shift+G"], run: on(edit.ungroup) },
    { id: "toFront", group: "objects", keys: ["}"], run: on((bench) => edit.toEdge(bench, 1)) },
    { id: "toBack", group: "objects", keys: ["{"], run: on((bench) => edit.toEdge(bench, -1)) },
    {
      id: "tag",
      group: "objects",
      keys: ["Y"],
      run: on((bench) => edit.toggleTag(bench, bench.activeLabel)),
    },
    { id: "snap", group: "objects", keys: ["Shift+S"], run: on(edit.snap) },
    { id: "carry", group: "objects", keys: ["`"], run: () => corners.carry() },
    { id: "snapping", group: "objects", keys: ["Shift+C"], run: () => corners.toggleSnapping() },
    { id: "hide", group: "objects", keys: ["H"], run: on(edit.toggleHidden) },
    { id: "hideAll", group: "objects", keys: ["Shift+H"], run: on(edit.toggleAllHidden) },
    { id: "lock", group: "objects", keys: ["L"], run: on(edit.toggleLocked) },
    {
      id: "occluded",
      group: "objects",
      keys: ["O"],
      run: on((bench) => edit.toggleFlag(bench, "isOccluded")),
    },
    {
      id: "truncated",
      group: "objects",
      keys: ["T"],
      run: on((bench) => edit.toggleFlag(bench, "isTruncated")),
    },
    { id: "left", group: "objects", keys: ["ArrowLeft"], run: push(-NUDGE_PX, 0) },
    { id: "right", group: "objects", keys: ["ArrowRight"], run: push(NUDGE_PX, 0) },
    { id: "up", group: "objects", keys: ["ArrowUp"], run: push(0, -NUDGE_PX) },
    { id: "down", group: "objects", keys: ["ArrowDown"], run: push(0, NUDGE_PX) },
  ];
}

function proposalCommands(app: App): Command[] {
  const judging = new Judging(app);
  return [
    { id: "accept", group: "proposals", keys: ["A"], run: () => judging.accept() },
    { id: "reject", group: "proposals", keys: ["X"], run: () => judging.reject() },
    { id: "acceptAll", group: "proposals", keys: ["Shift+A"], run: () => judging.acceptAll() },
    { id: "nextProposal", group: "proposals", keys: ["W"], run: () => judging.goTo(1) },
    {
      id: "previousProposal",
      group: "proposals",
      keys: ["Shift+W"],
      run: () => judging.goTo(-1),
    },
    { id: "toggleProposals", group: "proposals", keys: ["P"], run: () => app.toggleProposals() },
  ];
}

function imageCommands(app: App): Command[] {
  return [
    { id: "next", group: "images", keys: ["D", "PageDown"], run: () => app.step("next_id") },
    { id: "previous", group: "images", keys: ["S", "PageUp"], run: () => app.step("previous_id") },
    { id: "submit", group: "images", keys: ["E", "Ctrl+Enter"], run: () => void app.submit() },
  ];
}

function viewCommands(app: App): Command[] {
  const zoom = (factor: number) => () => {
    const { camera, view } = app.stage;
    app.stage.moveTo(zoomAt(camera, screenPoint(view.width / 2, view.height / 2), factor));
  };
  return [
    { id: "zoomIn", group: "view", keys: ["+", "="], run: zoom(ZOOM_STEP) },
    { id: "zoomOut", group: "view", keys: ["-"], run: zoom(1 / ZOOM_STEP) },
    { id: "fit", group: "view", keys: ["F"], run: () => app.stage.fit() },
    {
      id: "actualSize",
      group: "view",
      keys: ["Shift+F"],
      run: () => zoom(1 / app.stage.camera.zoom)(),
    },
    { id: "zoomSelection", group: "view", keys: ["R"], run: () => app.zoomToSelection() },
    { id: "crosshair", group: "view", keys: ["C"], run: () => app.toggleCrosshair() },
    { id: "adjust", group: "view", keys: ["I"], run: () => app.toggleAdjust() },
    { id: "panel", group: "view", keys: ["M"], run: () => app.togglePanel() },
    { id: "guide", group: "view", keys: ["G"], run: () => app.toggleGuide() },
    { id: "keys", group: "view", keys: ["?"], run: () => app.toggleKeys() },
  ];
}
