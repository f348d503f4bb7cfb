import type { Bbox } from "../../core/units.ts";
import { optionsOf, Walk } from "../../core/walk.ts";
import type { Attribute, Workbench } from "../../core/workbench.ts";
import { element, find } from "../dom.ts";
import type { Words } from "../messages.ts";

/** One question at a time over the image; number keys answer, arrows go on and back. */
export class WalkPanel {
  readonly #root = find("[data-walk]", HTMLElement);
  readonly #words: Words;
  readonly #look: (bbox: Bbox) => void;
  #walk: Walk | null = null;
  #shown = "";

  /** @param look brings an object into sight. */
  constructor(words: Words, look: (bbox: Bbox) => void) {
    this.#words = words;
    this.#look = look;
  }

  /** Begin, or end; false where there is nothing to ask. */
  toggle(bench: Workbench): boolean {
    if (this.#walk) {
      this.end();
      return true;
    }
    const walk = new Walk(bench);
    if (!walk.stop) return false;
    this.#walk = walk;
    this.refresh();
    return true;
  }

  end(): void {
    this.#walk = null;
    this.#root.hidden = true;
    this.#shown = "";
  }

  /** Take a key; false where it is not meant for the walk. */
  press(chord: string): boolean {
    const walk = this.#walk;
    if (!walk) return false;
    if (/^[1-9]$/.test(chord)) walk.choose(Number(chord) - 1);
    else if (chord === "ArrowRight" || chord === "Enter") walk.go(1);
    else if (chord === "ArrowLeft") walk.go(-1);
    else if (chord === "Escape") this.end();
    else return false;
    this.refresh();
    return true;
  }

  refresh(): void {
    const stop = this.#walk?.stop;
    if (!stop) {
      if (this.#walk) this.end();
      return;
    }
    const { shape, attribute, number, count } = stop;
    const value = shape.attributes[attribute.name];
    const state = JSON.stringify([shape.id, attribute.name, value, number, count]);
    if (state === this.#shown) return;
    if (!this.#shown.startsWith(`["${shape.id}"`)) this.#look(shape.bbox);
    this.#shown = state;
    this.#root.hidden = false;
    this.#root.replaceChildren(
      element("p", {}, this.#words("walk", { name: attribute.name, number, count })),
      this.#answers(attribute, value),
    );
  }

  #answers(attribute: Attribute, value: unknown): HTMLElement {
    const options = optionsOf(attribute);
    if (options.length === 0) return this.#field(attribute, value);
    const buttons = options.map((option, index) => {
      const text =
        typeof option === "boolean" ? this.#words(option ? "yes" : "no") : String(option);
      const button = element(
        "button",
        { type: "button", class: "quiet", "aria-pressed": String(option === value) },
        text,
        ...(index < 9 ? [element("kbd", {}, String(index + 1))] : []),
      );
      button.addEventListener("click", () => {
        this.#walk?.say(option);
        this.refresh();
      });
      return button;
    });
    return element("div", { class: "editor-answers" }, ...buttons);
  }

  #field({ name, kind }: Attribute, value: unknown): HTMLElement {
    const type = kind === "number" ? "number" : "text";
    const input = element("input", { type, "aria-label": name, step: "any" });
    input.value = value === undefined ? "" : String(value);
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || input.value === "") return;
      event.preventDefault();
      this.#walk?.say(kind === "number" ? Number(input.value) : input.value);
      this.refresh();
    });
    queueMicrotask(() => input.focus());
    return input;
  }
}
