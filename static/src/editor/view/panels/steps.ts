import type { Workbench } from "../../core/workbench.ts";
import { element, find } from "../dom.ts";
import type { Words } from "../messages.ts";

const MOST_SHOWN = 60;

/** The undo history as a list: a click goes to how it was then. */
export class Steps {
  readonly #fold: HTMLDetailsElement;
  readonly #list: HTMLElement;
  readonly #words: Words;
  readonly #isIdle: () => boolean;
  #bench: Workbench | null = null;

  constructor(root: HTMLElement, words: Words, isIdle: () => boolean) {
    this.#fold = find("[data-steps]", HTMLDetailsElement, root);
    this.#list = find("[data-steps-list]", HTMLElement, root);
    this.#words = words;
    this.#isIdle = isIdle;
    this.#fold.addEventListener("toggle", () => this.refresh());
    this.#list.addEventListener("click", (event) => {
      const row = (event.target as Element).closest<HTMLElement>("[data-depth]");
      if (row) this.#goTo(Number(row.dataset["depth"]));
    });
  }

  show(bench: Workbench): void {
    this.#bench = bench;
    this.refresh();
  }

  refresh(): void {
    const history = this.#bench?.editor.history;
    if (!this.#fold.open || !history) return;
    const { done, undone } = history;
    const steps = [...done, ...undone.toReversed()];
    const first = Math.max(0, done.length - MOST_SHOWN);
    const rows = steps.slice(first, done.length + MOST_SHOWN).map(({ name, patch }, index) => {
      const depth = first + index + 1;
      const text = this.#words(`step.${name}`);
      const button = element(
        "button",
        { type: "button", "data-depth": String(depth) },
        element("span", {}, text),
        ...(patch.size > 1 ? [element("span", {}, `× ${patch.size}`)] : []),
      );
      button.toggleAttribute("data-undone", depth > done.length);
      if (depth === done.length) button.setAttribute("aria-current", "step");
      return element("li", {}, button);
    });
    const start = element("button", { type: "button", "data-depth": "0" }, this.#words("opened"));
    if (done.length === 0) start.setAttribute("aria-current", "step");
    this.#list.replaceChildren(...(first === 0 ? [element("li", {}, start)] : []), ...rows);
    this.#list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  }

  #goTo(depth: number): void {
    const editor = this.#bench?.editor;
    if (!editor || !this.#isIdle()) return;
    while (editor.history.done.length > depth) editor.undo();
    while (editor.history.done.length < depth && editor.nextRedo !== null) editor.redo();
  }
}
