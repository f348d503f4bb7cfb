import { element, find } from "../dom.ts";
import { type Command, chordOf, type Keymap } from "../keys.ts";
import type { Words } from "../messages.ts";

const GROUPS = ["tools", "objects", "proposals", "images", "view"] as const;
const MODIFIERS = new Set(["Shift", "Control", "Alt", "Meta"]);

/** All commands with their keys; a click on a key waits for a new one. */
export class KeysDialog {
  readonly #dialog = find("#editor-keys", HTMLDialogElement);
  readonly #list = find("[data-key-list]", HTMLElement);
  readonly #keymap: Keymap;
  readonly #words: Words;
  readonly #onChange: () => void;

  constructor(keymap: Keymap, words: Words, onChange: () => void) {
    this.#keymap = keymap;
    this.#words = words;
    this.#onChange = onChange;
    find("[data-keys-reset]", HTMLButtonElement).addEventListener("click", () => {
      keymap.reset();
      this.#fill();
      onChange();
    });
  }

  toggle(): void {
    if (this.#dialog.open) {
      this.#dialog.close();
      return;
    }
    this.#fill();
    this.#dialog.showModal();
  }

  #fill(): void {
    const sections = GROUPS.map((group) => {
      const commands = this.#keymap.commands.filter((command) => command.group === group);
      return element(
        "section",
        {},
        element("h3", {}, this.#words(`group.${group}`)),
        element("dl", {}, ...commands.flatMap((command) => this.#row(command))),
      );
    });
    this.#list.replaceChildren(...sections);
  }

  #row(command: Command): HTMLElement[] {
    const keys = this.#keymap.keysOf(command.id);
    const button = element(
      "button",
      { type: "button", class: "quiet" },
      ...(keys.length > 0 ? keys.map((key) => element("kbd", {}, key)) : ["–"]),
    );
    button.addEventListener("click", () => this.#listen(button, command));
    return [element("dt", {}, this.#words(`command.${command.id}`)), element("dd", {}, button)];
  }

  #listen(button: HTMLButtonElement, command: Command): void {
    button.replaceChildren(this.#words("pressKey"));
    const stop = new AbortController();
    const take = (event: KeyboardEvent) => {
      if (MODIFIERS.has(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
      stop.abort();
      if (event.key !== "Escape") this.#keymap.assign(command.id, chordOf(event));
      this.#fill();
      this.#onChange();
    };
    button.addEventListener("keydown", take, { signal: stop.signal });
    button.addEventListener("blur", () => this.#fill(), { signal: stop.signal });
  }
}
