const STAY_MS = 3500;

/** One line over the image that says what has just happened. */
export class Notices {
  readonly #box: HTMLElement;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(box: HTMLElement) {
    this.#box = box;
  }

  say(text: string): void {
    this.#box.textContent = text;
    this.#box.hidden = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#box.hidden = true;
    }, STAY_MS);
  }
}
