import { applyLabel, nudge } from "../core/commands.ts";
import type { Workbench } from "../core/workbench.ts";
import { chordOf, isTyping, type Keymap } from "./keys.ts";

const FAR_PX = 10;
const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  "Shift+ArrowLeft": [-FAR_PX, 0],
  "Shift+ArrowRight": [FAR_PX, 0],
  "Shift+ArrowUp": [0, -FAR_PX],
  "Shift+ArrowDown": [0, FAR_PX],
};

export interface KeyBoardOptions {
  readonly keymap: Keymap;
  readonly bench: () => Workbench | null;
  readonly stage: HTMLElement;
  /** Who is asked before all others; true where the key was meant for that. */
  readonly first: (chord: string) => boolean;
}

/** Keys of the page: first the labels' own, then the key map. */
export class KeyBoard {
  readonly #keymap: Keymap;
  readonly #bench: () => Workbench | null;
  readonly #stage: HTMLElement;
  readonly #first: (chord: string) => boolean;
  #isSpaceDown = false;

  constructor({ keymap, bench, stage, first }: KeyBoardOptions) {
    this.#keymap = keymap;
    this.#bench = bench;
    this.#stage = stage;
    this.#first = first;
    document.addEventListener("keydown", (event) => this.#press(event));
    document.addEventListener("keyup", (event) => this.#release(event));
    window.addEventListener("blur", () => this.#setSpace(false));
  }

  get isSpaceDown(): boolean {
    return this.#isSpaceDown;
  }

  #press(event: KeyboardEvent): void {
    if (event.defaultPrevented || isTyping(event.target)) return;
    const chord = chordOf(event);
    if (document.querySelector("dialog[open]")) {
      if (chord === "G" || chord === "?") this.#run(chord, event);
      return;
    }
    if (isControl(event)) return;
    if (chord === "Space") {
      event.preventDefault();
      this.#setSpace(true);
      return;
    }
    if (this.#first(chord) || this.#pickLabel(chord) || this.#run(chord, event))
      event.preventDefault();
  }

  #release(event: KeyboardEvent): void {
    if (event.key === " ") this.#setSpace(false);
  }

  #run(chord: string, event: KeyboardEvent): boolean {
    const far = ARROWS[chord];
    const bench = this.#bench();
    if (far && bench && !bench.editor.isOpen) {
      nudge(bench, ...far);
      return true;
    }
    const command = this.#keymap.commandFor(chord);
    if (!command || (event.repeat && !chord.startsWith("Arrow"))) return command !== null;
    command.run();
    return true;
  }

  #pickLabel(chord: string): boolean {
    const bench = this.#bench();
    const label = bench?.labels.find(({ hotkey }) => hotkey?.toUpperCase() === chord);
    if (!bench || !label || bench.editor.isOpen) return false;
    applyLabel(bench, label.id);
    return true;
  }

  #setSpace(isDown: boolean): void {
    this.#isSpaceDown = isDown;
    this.#stage.toggleAttribute("data-pan-ready", isDown);
  }
}

/** Tab, Space and Enter belong to the button or link that the keyboard is on. */
function isControl({ key, target }: KeyboardEvent): boolean {
  if (key.startsWith("Page")) return target instanceof HTMLInputElement; // a slider's big step
  if (key !== "Tab" && key !== " " && key !== "Enter" && !key.startsWith("Arrow")) return false;
  const element = target as Element;
  const isStage = element === document.body || element.closest("[data-stage]") !== null;
  return !isStage;
}
