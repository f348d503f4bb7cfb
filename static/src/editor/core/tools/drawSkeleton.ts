import type { Skeleton, Vertex, Visibility } from "../geometry.ts";
import type { Workbench } from "../workbench.ts";
import { Grab } from "./grab.ts";
import type { Press, Sketch, Tool } from "./tool.ts";

interface Joint {
  readonly at: Vertex;
  readonly visible: Visibility;
}

/** Where a joint that nobody has placed is kept until somebody does. */
const NOWHERE: Joint = { at: [0, 0], visible: 0 };

/**
 * One click a joint, in the order of the label's skeleton.
 *
 * Shift says that the joint is there but hidden, Alt that it is not there at all; Enter
 * ends early, and the joints that are left are not there.
 */
export class DrawSkeleton implements Tool {
  readonly name = "skeleton";
  readonly #bench: Workbench;
  readonly #grab: Grab;
  #joints: readonly Joint[] = [];
  #pointer: Vertex = [0, 0];

  constructor(bench: Workbench) {
    this.#bench = bench;
    this.#grab = new Grab(bench);
  }

  get isBusy(): boolean {
    return this.#joints.length > 0 || this.#grab.isBusy;
  }

  /** The name of the joint that the next click places; null where the label has none. */
  get nextJoint(): string | null {
    return this.#names[this.#joints.length] ?? null;
  }

  get sketch(): Sketch | null {
    if (this.#joints.length === 0) return null;
    const vertices = this.#joints.filter(({ visible }) => visible !== 0).map(({ at }) => at);
    const points = [...vertices, this.#pointer];
    const geometry = { kind: "points", points } as const;
    return { name: "draft", geometry, vertices, canClose: false };
  }

  pointerDown(press: Press): void {
    if (this.#joints.length === 0 && this.#grab.take(press)) return;
    if (this.#names.length === 0) return;
    if (this.#joints.length === 0) this.#bench.select([]);
    const visible = press.alt ? 0 : press.shift ? 1 : 2;
    this.#joints = [...this.#joints, visible === 0 ? NOWHERE : { at: press.at, visible }];
    if (this.#joints.length === this.#names.length) this.finish();
  }

  pointerMove(press: Press): void {
    this.#pointer = press.at;
    if (this.#grab.isBusy) this.#grab.pull(press);
  }

  pointerUp(press: Press): void {
    this.pointerMove(press);
    if (this.#grab.isBusy) this.#grab.letGo();
  }

  finish(): void {
    const missing = this.#names.length - this.#joints.length;
    const joints = [...this.#joints, ...Array.from({ length: missing }, () => NOWHERE)];
    this.#joints = [];
    if (!joints.some(({ visible }) => visible !== 0)) return;
    const geometry: Skeleton = {
      kind: "skeleton",
      points: joints.map(({ at }) => at),
      visible: joints.map(({ visible }) => visible),
    };
    const shape = this.#bench.newShape(this.#bench.newId(), geometry);
    if (!shape) return;
    this.#bench.editor.begin("draw");
    this.#bench.editor.put(shape);
    this.#bench.editor.commit();
    this.#bench.selectFresh(shape.id);
  }

  stepBack(): boolean {
    if (this.#joints.length === 0) return false;
    this.#joints = this.#joints.slice(0, -1);
    return true;
  }

  cancel(): void {
    this.#joints = [];
    this.#grab.cancel();
  }

  cursor(press: Press): string {
    return this.#grab.cursor(press) ?? "crosshair";
  }

  get #names(): readonly string[] {
    return this.#bench.label?.skeleton?.joints ?? [];
  }
}
