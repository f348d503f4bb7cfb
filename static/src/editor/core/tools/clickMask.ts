import { type Bitmap, toMask, withFill } from "../bitmap.ts";
import type { Geometry, Ring } from "../geometry.ts";
import { type Bbox, type ImagePoint, type Size, spanning } from "../units.ts";
import type { Workbench } from "../workbench.ts";
import type { Press, Sketch, Tool } from "./tool.ts";

/** One part of an object, as a model sees it. */
export interface Outline {
  readonly points: Ring;
  readonly holes: readonly Ring[];
}

/** A place on the object (1) or beside it (0). */
export type Mark = readonly [x: number, y: number, isOn: 0 | 1];

export interface ClickPrompt {
  readonly clicks: readonly Mark[];
  readonly box: Bbox | null;
}

/** The parts of an object, the largest first; where they are not final, a closer look helps. */
export interface Found {
  readonly outlines: readonly Outline[];
  readonly isFinal: boolean;
}

/** A quick look answers from what is encoded already, a careful one encodes what it needs. */
export type Haste = "quick" | "careful";

/** Ask for the object that a prompt means; null where there is no answer, which was said. */
export type AskOutlines = (prompt: ClickPrompt, haste: Haste) => Promise<Found | null>;

const NOTHING: ClickPrompt = { clicks: [], box: null };

/** Who finds the outline: the click model, or GrabCut, which goes by colours alone. */
export type Finder = "model" | "colors";

/**
 * Click on an object and have its outline: click adds, Alt+click takes away, a drag is a box.
 *
 * All that was said goes along with each question, so an answer that comes late is simply
 * left out. The first outline is there at once and refined in its place; takes what is
 * what is shown as a polygon, Shift+Enter as a mask.
 */
export class ClickMask implements Tool {
  readonly name: "clickMask" | "grabCut";
  readonly #bench: Workbench;
  readonly #ask: AskOutlines;
  readonly #changed: () => void;
  #prompts: readonly ClickPrompt[] = [];
  #outlines: readonly Outline[] = [];
  #asked = 0;
  #answered = 0;
  #isPrepared = false;
  #pressed: ImagePoint | null = null;
  #band: Bbox | null = null;

  constructor(bench: Workbench, ask: AskOutlines, changed: () => void, by: Finder = "model") {
    this.name = by === "model" ? "clickMask" : "grabCut";
    this.#bench = bench;
    this.#ask = ask;
    this.#changed = changed;
  }

  get isBusy(): boolean {
    return this.#prompts.length > 0 || this.#pressed !== null;
  }

  /** An answer is on its way. */
  get isWaiting(): boolean {
    return this.#asked !== this.#answered;
  }

  get sketch(): Sketch | null {
    if (this.#band) return { name: "band", bbox: this.#band };
    const { clicks, box } = this.#prompt;
    if (this.#prompts.length === 0) return null;
    return { name: "answer", outlines: this.#outlines, marks: clicks, box };
  }

  pointerDown({ at }: Press): void {
    if (this.#bench.activeLabel === null) return;
    this.#pressed = at;
  }

  pointerMove({ at, reach }: Press): void {
    if (!this.#isPrepared) {
      // The picture is encoded while the pointer is still on its way.
      this.#isPrepared = true;
      void this.#ask(NOTHING, "careful");
    }
    if (!this.#pressed) return;
    const band = spanning(this.#pressed, at);
    const isDrag = Math.min(band[2] - band[0], band[3] - band[1]) > reach;
    this.#band = isDrag || this.#band ? band : null;
  }

  pointerUp(press: Press): void {
    this.pointerMove(press);
    const [pressed, band] = [this.#pressed, this.#band];
    this.#pressed = null;
    this.#band = null;
    if (!pressed) return;
    const { clicks, box } = this.#prompt;
    if (band) void this.#say({ clicks: [], box: band });
    else if (press.alt && this.#prompts.length === 0) return;
    else void this.#say({ clicks: [...clicks, [pressed[0], pressed[1], press.alt ? 0 : 1]], box });
  }

  finish(): void {
    if (!this.#bench.mayDraw("polygon")) this.finishAsMask();
    else this.#accept(({ points, holes }) => ({ kind: "polygon", points, holes }));
  }

  finishAsMask(): void {
    this.#accept((outline) => filled(outline, this.#bench.image));
  }

  stepBack(): boolean {
    if (this.#prompts.length === 0) return false;
    this.#prompts = this.#prompts.slice(0, -1);
    if (this.#prompts.length === 0) this.cancel();
    else void this.#look();
    return true;
  }

  cancel(): void {
    this.#prompts = [];
    this.#outlines = [];
    this.#pressed = null;
    this.#band = null;
    this.#answered = ++this.#asked;
  }

  cursor(press: Press): string {
    return press.alt ? "not-allowed" : "crosshair";
  }

  get #prompt(): ClickPrompt {
    return this.#prompts.at(-1) ?? NOTHING;
  }

  async #say(prompt: ClickPrompt): Promise<void> {
    const before = this.#prompts;
    this.#prompts = [...before, prompt];
    // A prompt that nobody answered was never said.
    if (!(await this.#look()) && this.#prompt === prompt) this.#prompts = before;
    this.#changed();
  }

  /** Whether the question was answered, or another has been asked since. */
  async #look(): Promise<boolean> {
    const number = ++this.#asked;
    const prompt = this.#prompt;
    let found = await this.#ask(prompt, "quick");
    if (number !== this.#asked) return true;
    if (found && !found.isFinal) {
      if (found.outlines.length > 0) this.#show(found, number);
      // What was shown stays where the closer look fails.
      found = (await this.#ask(prompt, "careful")) ?? (this.isWaiting ? null : found);
      if (number !== this.#asked) return true;
    }
    this.#show(found, number);
    return found !== null;
  }

  #show(found: Found | null, number: number): void {
    this.#answered = number;
    if (found) this.#outlines = found.outlines;
    this.#changed();
  }

  #accept(make: (outline: Outline) => Geometry | null): void {
    const largest = this.#outlines[0];
    if (!largest || this.isWaiting) return;
    const geometry = make(largest);
    this.cancel();
    const shape = geometry && this.#bench.newShape(this.#bench.newId(), geometry);
    if (!shape) return;
    this.#bench.editor.begin("draw");
    this.#bench.editor.put(shape);
    this.#bench.editor.commit();
    this.#bench.selectFresh(shape.id);
  }
}

function filled({ points, holes }: Outline, image: Size): Geometry | null {
  const start: Bitmap = withFill(null, points, false, image);
  const bitmap = holes.reduce((base, hole) => withFill(base, hole, true, image), start);
  return toMask(bitmap);
}
