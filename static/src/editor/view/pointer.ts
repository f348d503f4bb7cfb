import { panBy, pinch, zoomAt } from "../core/camera.ts";
import { snapped } from "../core/snapping.ts";
import type { Press, Tool } from "../core/tools/tool.ts";
import {
  type Camera,
  clampToImage,
  type ImagePoint,
  type ScreenPoint,
  toImage,
  toScreen,
} from "../core/units.ts";
import type { Workbench } from "../core/workbench.ts";
import type { Stage } from "./stage.ts";

/** CSS pixels that a pointer may miss by. */
const MOUSE_REACH_PX = 7;
const TOUCH_REACH_PX = 18;
const ZOOM_PER_WHEEL_PX = 0.0022;
const LINE_PX = 16;

export interface PointerHost {
  readonly stage: Stage;
  bench(): Workbench | null;
  tool(): Tool | null;
  isPanKeyDown(): boolean;
}

type Drag =
  | { readonly name: "none" }
  | { readonly name: "tool"; readonly pointer: number }
  | { readonly name: "pan"; readonly pointer: number; readonly last: ScreenPoint }
  | {
      readonly name: "pinch";
      readonly camera: Camera;
      readonly from: readonly [ScreenPoint, ScreenPoint];
    };

/** Mouse, pen and fingers on the stage, turned into tool presses and camera moves. */
export class Pointer {
  /** Whether corners are pulled to other shapes and to the border of the image. */
  isSnapping = false;
  readonly #host: PointerHost;
  readonly #down = new Map<number, ScreenPoint>();
  #drag: Drag = { name: "none" };
  #hover: ScreenPoint | null = null;
  #reachPx = MOUSE_REACH_PX;

  constructor(host: PointerHost) {
    this.#host = host;
    const { root } = host.stage;
    root.addEventListener("pointerdown", (event) => this.#press(event));
    root.addEventListener("pointermove", (event) => this.#move(event));
    root.addEventListener("pointerup", (event) => this.#release(event));
    root.addEventListener("pointercancel", (event) => this.#abandon(event));
    root.addEventListener("pointerleave", () => this.#leave());
    root.addEventListener("contextmenu", (event) => event.preventDefault());
    root.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  /** Where the mouse or pen hovers; null while a finger draws or nothing is there. */
  get hover(): ScreenPoint | null {
    return this.#hover;
  }

  /** Where a press would count: the hovering place, or what pulls at it. */
  get aim(): ScreenPoint | null {
    const { pressed } = this;
    return pressed && toScreen(this.#host.stage.camera, pressed.at);
  }

  /** What a key acts on: a press at the hovering place; null where the pointer is elsewhere. */
  get pressed(): Press | null {
    return this.#hover && this.#pressAt(this.#hover, {});
  }

  get reach(): number {
    return this.#reachPx / this.#host.stage.camera.zoom;
  }

  #press(event: PointerEvent): void {
    if (isOnPanel(event)) return;
    const { stage } = this.#host;
    const at = stage.toStage(event);
    stage.root.focus({ preventScroll: true });
    stage.root.setPointerCapture(event.pointerId);
    this.#reachPx = event.pointerType === "touch" ? TOUCH_REACH_PX : MOUSE_REACH_PX;
    this.#hover = event.pointerType === "touch" ? null : at;
    this.#down.set(event.pointerId, at);
    const [first, second] = Array.from(this.#down.values());
    if (first && second) {
      this.#host.tool()?.cancel();
      this.#drag = { name: "pinch", camera: stage.camera, from: [first, second] };
    } else if (event.button !== 0 || this.#host.isPanKeyDown()) {
      this.#drag = { name: "pan", pointer: event.pointerId, last: at };
      stage.root.dataset["panning"] = "";
    } else {
      this.#drag = { name: "tool", pointer: event.pointerId };
      this.#tell("pointerDown", event);
    }
    stage.repaint("overlay");
  }

  #move(event: PointerEvent): void {
    const { stage } = this.#host;
    const at = stage.toStage(event);
    if (event.pointerType !== "touch") this.#hover = at;
    if (this.#down.has(event.pointerId)) this.#down.set(event.pointerId, at);
    const drag = this.#drag;
    if (drag.name === "pinch") {
      const [first, second] = Array.from(this.#down.values());
      if (first && second) stage.moveTo(pinch(drag.camera, drag.from, [first, second]));
    } else if (drag.name === "pan") {
      stage.moveTo(panBy(stage.camera, at[0] - drag.last[0], at[1] - drag.last[1]));
      this.#drag = { ...drag, last: at };
    } else {
      this.#tell("pointerMove", event);
      this.#showCursor(event);
    }
    stage.repaint("overlay");
  }

  #release(event: PointerEvent): void {
    this.#down.delete(event.pointerId);
    const drag = this.#drag;
    if (drag.name === "tool" && drag.pointer === event.pointerId) this.#tell("pointerUp", event);
    // The finger that stays after a pinch draws nothing until it is lifted, too.
    if (drag.name !== "pinch" || this.#down.size === 0) this.#drag = { name: "none" };
    delete this.#host.stage.root.dataset["panning"];
    this.#host.stage.repaint("overlay");
  }

  #abandon(event: PointerEvent): void {
    this.#down.delete(event.pointerId);
    if (this.#drag.name === "tool") this.#host.tool()?.cancel();
    this.#drag = { name: "none" };
    delete this.#host.stage.root.dataset["panning"];
  }

  #leave(): void {
    this.#hover = null;
    this.#host.bench()?.hover(null);
    this.#host.stage.repaint("overlay");
  }

  #wheel(event: WheelEvent): void {
    if (isOnPanel(event)) return;
    event.preventDefault();
    const { stage } = this.#host;
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1;
    if (event.shiftKey) {
      stage.moveTo(panBy(stage.camera, -(event.deltaX || event.deltaY) * unit, 0));
      return;
    }
    const factor = Math.exp(-event.deltaY * unit * ZOOM_PER_WHEEL_PX * (event.ctrlKey ? 4 : 1));
    stage.moveTo(zoomAt(stage.camera, stage.toStage(event), factor));
  }

  #tell(what: "pointerDown" | "pointerMove" | "pointerUp", event: PointerEvent): void {
    const press = this.#read(event);
    if (press) this.#host.tool()?.[what](press);
  }

  #showCursor(event: PointerEvent): void {
    const press = this.#read(event);
    const tool = this.#host.tool();
    if (press && tool && !tool.isBusy) this.#host.stage.root.style.cursor = tool.cursor(press);
  }

  #read(event: PointerEvent): Press | null {
    return this.#pressAt(this.#host.stage.toStage(event), event);
  }

  #pressAt(place: ScreenPoint, keys: Pick<Partial<PointerEvent>, "shiftKey" | "altKey">) {
    const bench = this.#host.bench();
    if (!bench) return null;
    const at = clampToImage(toImage(this.#host.stage.camera, place), bench.image);
    return {
      at: this.#snapped(bench, at),
      reach: this.reach,
      shift: keys.shiftKey ?? false,
      alt: keys.altKey ?? false,
    };
  }

  #snapped(bench: Workbench, at: ImagePoint): ImagePoint {
    return this.isSnapping && this.#host.tool()?.snaps ? snapped(bench, at, this.reach) : at;
  }
}

/** Panels lie over the stage; what happens on them is theirs. */
const isOnPanel = ({ target }: Event): boolean =>
  (target as Element).closest(".editor-adjust, .editor-walk") !== null;
