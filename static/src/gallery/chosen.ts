/** Images that are ticked stay so while they are not on the page, and are sent along. */
export class Chosen {
  readonly #ids = new Set<string>();
  readonly #form: HTMLFormElement;

  constructor(form: HTMLFormElement) {
    this.#form = form;
    form.addEventListener("change", ({ target }) => {
      if (target instanceof HTMLInputElement && target.name === "image") this.#note(target);
    });
    form.addEventListener("reset", () => {
      this.#ids.clear();
      this.#tell();
    });
    form.addEventListener("formdata", ({ formData }) => {
      formData.delete("image");
      for (const id of this.#ids) formData.append("image", id);
    });
    for (const box of boxesIn(form)) this.#note(box);
  }

  /** Tick what comes back as it was left. */
  restore(card: Element): void {
    for (const box of boxesIn(card)) box.checked = this.#ids.has(box.value);
  }

  #note(box: HTMLInputElement): void {
    if (box.checked) this.#ids.add(box.value);
    else this.#ids.delete(box.value);
    this.#tell();
  }

  #tell(): void {
    this.#form.toggleAttribute("data-chosen", this.#ids.size > 0);
    const shown = this.#form.querySelector("[data-num-chosen]");
    if (shown) shown.textContent = String(this.#ids.size);
    for (const button of this.#form.querySelectorAll<HTMLButtonElement>("button[data-least]")) {
      const { least, most } = button.dataset;
      button.disabled = this.#ids.size < Number(least) || this.#ids.size > Number(most);
    }
  }
}

function boxesIn(root: Element): NodeListOf<HTMLInputElement> {
  return root.querySelectorAll<HTMLInputElement>("input[name=image]");
}
