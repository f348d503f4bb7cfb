import type { DocumentWire } from "../../core/wire.ts";
import { element, find, icon } from "../dom.ts";
import type { Keymap } from "../keys.ts";
import type { Words } from "../messages.ts";

/** The bar above the image and the tools beside it: state that is shown, buttons with keys. */
export class Bar {
  onFilter: (filter: string) => void = () => {};
  readonly #root: HTMLElement;
  readonly #words: Words;
  readonly #keymap: Keymap;
  readonly #adjust: HTMLElement;

  constructor(root: HTMLElement, words: Words, keymap: Keymap) {
    this.#root = root;
    this.#words = words;
    this.#keymap = keymap;
    this.#adjust = find("[data-adjust]", HTMLElement, root);
    this.showKeys();
    for (const input of this.#sliders) input.addEventListener("input", () => this.#tellFilter());
    find("[data-adjust-reset]", HTMLButtonElement, root).addEventListener("click", () => {
      for (const input of this.#sliders) input.value = "1";
      this.#tellFilter();
    });
  }

  /** Name every button and say its key. */
  showKeys(): void {
    for (const button of this.#root.querySelectorAll<HTMLElement>("[data-command]")) {
      this.#showKey(button, button.dataset["command"] ?? "");
    }
  }

  #showKey(button: HTMLElement, id: string): void {
    const keys = this.#keymap.keysOf(id);
    const name = this.#words(`command.${id}`);
    button.title = keys.length > 0 ? `${name} (${keys.join(", ")})` : name;
    if (!button.textContent?.trim()) button.setAttribute("aria-label", name);
    const hint = button.querySelector("kbd");
    if (hint) hint.textContent = keys[0]?.length === 1 ? keys[0] : "";
  }

  showImage({ image, project }: DocumentWire): void {
    const { index, count, state, review } = image;
    this.#find("[data-image-name]").textContent = image.name;
    this.#find("[data-image-title]").textContent = image.name;
    this.#find("[data-image-position]").textContent = this.#words("position", { index, count });
    const badge = this.#find("[data-image-state]");
    badge.textContent = this.#words(review ? `review.${review}` : `state.${state}`);
    badge.dataset["state"] = review || state;
    this.#find("[data-submit-text]").textContent = this.#words(
      state === "submitted" ? "reopen" : "submit",
    );
    this.#find("[data-project-name]").textContent = project.name;
    find("[data-project-link]", HTMLAnchorElement, this.#root).href =
      `/labeling/projects/${project.id}/images/`;
    find("[data-history-link]", HTMLAnchorElement, this.#root).href =
      `/labeling/images/${image.id}/history/`;
    document.title = `${image.name} · ${project.name}`;
  }

  showTool(name: string): void {
    for (const button of this.#root.querySelectorAll("[data-tools] button")) {
      const isOn = button.getAttribute("data-command") === name;
      button.setAttribute("aria-pressed", String(isOn));
    }
  }

  showHistory(undo: string | null, redo: string | null): void {
    for (const [id, step, key] of [
      ["undo", undo, "undoOf"],
      ["redo", redo, "redoOf"],
    ] as const) {
      const button = find(`.editor-bar [data-command=${id}]`, HTMLButtonElement, this.#root);
      button.disabled = step === null;
      if (step === null) continue;
      button.title = `${this.#words(key, { step: this.#words(`step.${step}`) })} (${this.#keymap.keysOf(id)[0] ?? ""})`;
    }
  }

  toggleAdjust(): void {
    this.#adjust.hidden = !this.#adjust.hidden;
  }

  showTools(names: readonly string[]): void {
    const buttons = names.map((name) =>
      element(
        "button",
        {
          type: "button",
          "data-command": name,
          "aria-pressed": "false",
          "aria-label": this.#words(`command.${name}`),
        },
        icon(name),
        element("kbd", {}),
      ),
    );
    this.#find("[data-tools]").replaceChildren(...buttons);
    this.showKeys();
  }

  #tellFilter(): void {
    const [brightness, contrast] = this.#sliders.map(({ value }) => value);
    const isPlain = brightness === "1" && contrast === "1";
    this.onFilter(isPlain ? "" : `brightness(${brightness}) contrast(${contrast})`);
  }

  get #sliders(): HTMLInputElement[] {
    return Array.from(this.#adjust.querySelectorAll("[data-filter]"));
  }

  #find(selector: string): HTMLElement {
    return find(selector, HTMLElement, this.#root);
  }
}
