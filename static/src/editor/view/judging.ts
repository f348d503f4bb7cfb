import { visibleRegion } from "../core/camera.ts";
import * as edit from "../core/commands.ts";
import { encloses, type ScreenPoint } from "../core/units.ts";
import type { Workbench } from "../core/workbench.ts";
import type { App } from "./app.ts";

/** Accepting and rejecting proposals: the one under the pointer, or the one in focus. */
export class Judging {
  readonly #app: App;
  /** Where the pointer was when a key last moved the focus. */
  #rested: ScreenPoint | null = null;

  constructor(app: App) {
    this.#app = app;
  }

  accept(): void {
    this.#judge(edit.acceptProposal);
  }

  reject(): void {
    this.#judge(edit.rejectProposal);
  }

  acceptAll(): void {
    this.#app.onBench((bench) => {
      const count = edit.acceptAllProposals(bench);
      if (count > 0) this.#app.notice("accepted", { count });
    });
  }

  goTo(by: 1 | -1): void {
    this.#app.onBench((bench) => {
      edit.focusNextProposal(bench, by);
      this.#rested = this.#app.pointer.hover;
      this.#show(bench);
    });
  }

  #judge(verdict: (bench: Workbench) => void): void {
    this.#app.onBench((bench) => {
      const { pressed, hover } = this.#app.pointer;
      const hit = pressed && bench.proposals.at(pressed.at, pressed.reach);
      // Who has moved the pointer onto another one since means that one.
      const isPointing = hover !== this.#rested || !bench.proposals.focused;
      if (hit && isPointing) bench.proposals.focus(hit.id);
      verdict(bench);
      this.#rested = hover;
      this.#show(bench);
    });
  }

  /** Bring the proposal in focus into sight where it is not. */
  #show(bench: Workbench): void {
    const { focused } = bench.proposals;
    const { camera, view } = this.#app.stage;
    if (focused && !encloses(visibleRegion(camera, view), focused.bbox)) {
      this.#app.stage.fit(focused.bbox);
    }
  }
}
