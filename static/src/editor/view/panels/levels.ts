import type { Adviser, LevelRange } from "../../sync/transport.ts";
import { find } from "../dom.ts";

export interface LevelsHost {
  readonly adviser: Adviser;
  readonly image: () => { readonly id: number; readonly url: string } | null;
  /** Show the open image as another address gives it. */
  readonly show: (url: string) => void;
}

/**
 * The window of a deep grey image: which values are black and which are white.
 *
 * What was chosen stays for the next images, for a series is looked at alike.
 */
export class Levels {
  readonly #host: LevelsHost;
  readonly #adjust: HTMLElement;
  readonly #box: HTMLElement;
  readonly #low: HTMLInputElement;
  readonly #high: HTMLInputElement;
  #chosen: LevelRange | null = null;
  #range: LevelRange | null = null;
  /** The image whose values the sliders stand on. */
  #offered: number | null = null;

  constructor(root: HTMLElement, host: LevelsHost) {
    this.#host = host;
    this.#adjust = find("[data-adjust]", HTMLElement, root);
    this.#box = find("[data-levels]", HTMLElement, root);
    this.#low = find("[data-level=low]", HTMLInputElement, root);
    this.#high = find("[data-level=high]", HTMLInputElement, root);
    for (const slider of [this.#low, this.#high]) {
      slider.addEventListener("input", () => this.#keepApart(slider));
      slider.addEventListener("change", () => this.#choose());
    }
    find("[data-adjust-reset]", HTMLButtonElement, root).addEventListener("click", () => {
      if (this.#chosen) this.#reset();
    });
  }

  /** Offer the window where the image has one, and show it as it was chosen before. */
  async offer(): Promise<void> {
    const image = this.#host.image();
    if (image?.id === this.#offered) {
      if (this.#chosen) this.#choose();
      return; // a slider that is being moved stays where it is
    }
    this.#box.hidden = true;
    this.#offered = null;
    if (!image || (this.#adjust.hidden && !this.#chosen)) return;
    const range = await this.#host.adviser.levels(image.id);
    if (this.#host.image() !== image || this.#offered === image.id) return;
    this.#range = range;
    this.#box.hidden = range === null;
    if (range) this.#stand(image.id, range);
  }

  #stand(id: number, range: LevelRange): void {
    this.#offered = id;
    for (const slider of [this.#low, this.#high]) {
      slider.min = String(range.low);
      slider.max = String(range.high);
      slider.step = String((range.high - range.low) / 256 || 1);
    }
    this.#low.value = String(this.#chosen?.low ?? range.low);
    this.#high.value = String(this.#chosen?.high ?? range.high);
    if (this.#chosen) this.#choose();
  }

  /** The darkest stays below the lightest, whichever of them is moved. */
  #keepApart(moved: HTMLInputElement): void {
    const step = Number(moved.step);
    if (Number(this.#high.value) - Number(this.#low.value) >= step) return;
    if (moved === this.#low) this.#low.value = String(Number(this.#high.value) - step);
    else this.#high.value = String(Number(this.#low.value) + step);
  }

  #choose(): void {
    const image = this.#host.image();
    this.#chosen = { low: Number(this.#low.value), high: Number(this.#high.value) };
    if (image) this.#host.show(`${image.url}?low=${this.#chosen.low}&high=${this.#chosen.high}`);
  }

  #reset(): void {
    const [image, range] = [this.#host.image(), this.#range];
    this.#chosen = null;
    if (!image || !range) return;
    this.#low.value = String(range.low);
    this.#high.value = String(range.high);
    this.#host.show(image.url);
  }
}
