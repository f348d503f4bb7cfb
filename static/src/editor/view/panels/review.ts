import { type Camera, imagePoint, toScreen } from "../../core/units.ts";
import type { DocumentWire } from "../../core/wire.ts";
import type { Workbench } from "../../core/workbench.ts";
import type { Judged, Pin, Remark, Reviews, Said } from "../../sync/reviews.ts";
import { element, find } from "../dom.ts";
import type { Words } from "../messages.ts";
import type { Stage } from "../stage.ts";

/** Half the side of what is shown around a pin, in image pixels. */
const AROUND_PX = 60;

export interface ReviewHost {
  readonly reviews: Reviews;
  readonly mayLabel: boolean;
  readonly mayReview: boolean;
  readonly stage: Stage;
  bench(): Workbench | null;
  open(imageId: number): Promise<void>;
  /** Read the image again, as its state has changed. */
  changed(imageId: number): void;
  notice(key: string, values?: Readonly<Record<string, string | number>>): void;
}

/** Remarks on an image, as a list and as pins, and a reviewer's two verdicts. */
export class ReviewPanel {
  readonly #host: ReviewHost;
  readonly #words: Words;
  readonly #panel: HTMLDetailsElement;
  readonly #form: HTMLFormElement;
  readonly #text: HTMLTextAreaElement;
  readonly #pins = new Map<Remark, HTMLElement>();
  #read: DocumentWire | null = null;

  constructor(root: HTMLElement, words: Words, host: ReviewHost) {
    this.#host = host;
    this.#words = words;
    this.#panel = find("[data-review]", HTMLDetailsElement, root);
    this.#form = find("[data-remark-form]", HTMLFormElement, root);
    this.#text = find("textarea", HTMLTextAreaElement, this.#form);
    this.#form.hidden = !host.mayLabel;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#say();
    });
    this.#button("[data-accept]").addEventListener("click", () => void this.#accept());
    this.#button("[data-send-back]").addEventListener("click", () => void this.#sendBack());
  }

  /** Show what was said of an image that was opened. */
  async show(read: DocumentWire): Promise<void> {
    this.#read = read;
    this.#text.value = "";
    this.#list([]);
    const { id, state, review } = read.image;
    const isHandedIn = state === "submitted" && this.#host.mayReview;
    this.#button("[data-accept]").hidden = !isHandedIn || review === "accepted";
    this.#button("[data-send-back]").hidden = !isHandedIn;
    const rows = (await this.#host.reviews.remarks(id)) ?? [];
    if (read !== this.#read) return;
    this.#list(rows);
    this.#panel.open = isHandedIn || rows.some(isOpen);
  }

  /** Keep the pins where they belong while the image moves. */
  follow(camera: Camera): void {
    for (const [{ pin }, mark] of this.#pins) {
      if (!pin) continue;
      const [x, y] = toScreen(camera, imagePoint(...pin));
      mark.style.translate = `${Math.round(x)}px ${Math.round(y)}px`;
    }
  }

  #list(rows: readonly Remark[]): void {
    const open = rows.filter(isOpen);
    find("[data-remarks-open]", HTMLOutputElement, this.#panel).textContent =
      open.length > 0 ? String(open.length) : "";
    const list = find("[data-remarks]", HTMLUListElement, this.#panel);
    list.replaceChildren(...rows.map((row) => this.#row(row)));
    if (rows.length === 0) list.append(element("li", {}, this.#words("remark.none")));
    this.#pins.clear();
    for (const row of open) if (row.pin) this.#pins.set(row, this.#pin(row));
    document.querySelector("[data-pins]")?.replaceChildren(...this.#pins.values());
    this.follow(this.#host.stage.camera);
  }

  #row(row: Remark): HTMLLIElement {
    const when = new Date(row.created_at).toLocaleString([], {
      dateStyle: "short",
      timeStyle: "short",
    });
    const line = element("li", isOpen(row) ? {} : { "data-settled": "" });
    const text = row.pin ? element("button", { type: "button", class: "bare" }) : element("p");
    text.append(row.text);
    if (row.pin) text.addEventListener("click", () => this.#goTo(row));
    line.append(text, element("small", {}, this.#words("remark.by", { author: row.author, when })));
    if (isOpen(row) && this.#host.mayLabel) {
      const settle = element(
        "button",
        { type: "button", class: "quiet" },
        this.#words("remark.settle"),
      );
      settle.addEventListener("click", () => void this.#settle(row));
      line.append(settle);
    }
    return line;
  }

  #pin(row: Remark): HTMLElement {
    const label = this.#words("remark.pin", { text: row.text });
    const mark = element("button", { type: "button", title: row.text, "aria-label": label }, "!");
    mark.addEventListener("click", () => {
      this.#panel.open = true;
      this.#goTo(row);
    });
    return mark;
  }

  #goTo({ pin }: Remark): void {
    if (!pin) return;
    const [x, y] = pin;
    this.#host.stage.showRegion([x - AROUND_PX, y - AROUND_PX, x + AROUND_PX, y + AROUND_PX]);
  }

  /** The middle of the one object that is selected. */
  #selectedPin(): Pin | null {
    const [shape, ...others] = this.#host.bench()?.selectedShapes() ?? [];
    if (!shape || others.length > 0) return null;
    const [x1, y1, x2, y2] = shape.bbox;
    return [(x1 + x2) / 2, (y1 + y2) / 2];
  }

  #written(): string | null {
    const text = this.#text.value.trim();
    if (text) return text;
    this.#host.notice("remark.needed");
    this.#text.focus();
    return null;
  }

  async #say(): Promise<void> {
    const text = this.#written();
    if (!text || !this.#read) return;
    const { id } = this.#read.image;
    await this.#after(this.#host.reviews.say(id, text, this.#selectedPin()));
  }

  async #settle(row: Remark): Promise<void> {
    if (this.#read) await this.#after(this.#host.reviews.settle(this.#read.image.id, row.id));
  }

  async #after(said: Promise<Said>): Promise<void> {
    const answer = await said;
    if (answer.name !== "said") this.#fail(answer);
    else if (this.#read) await this.show(this.#read);
  }

  async #accept(): Promise<void> {
    if (!this.#read) return;
    const { image, project } = this.#read;
    await this.#judge(this.#host.reviews.accept(project.id, image.id));
  }

  async #sendBack(): Promise<void> {
    const text = this.#written();
    if (!text || !this.#read) return;
    const { id } = this.#read.image;
    await this.#judge(this.#host.reviews.sendBack(id, text, this.#selectedPin()));
  }

  async #judge(judged: Promise<Judged>): Promise<void> {
    const id = this.#read?.image.id;
    const answer = await judged;
    if (answer.name !== "judged") {
      this.#fail(answer);
      return;
    }
    if (id !== undefined) this.#host.changed(id);
    if (answer.nextId !== null) await this.#host.open(answer.nextId);
    else if (id !== undefined) {
      await this.#host.open(id);
      this.#host.notice("review.allDone");
    }
  }

  #fail(failure: { readonly name: string; readonly detail?: string }): void {
    this.#host.notice("remark.failed", { detail: failure.detail ?? failure.name });
  }

  #button(selector: string): HTMLButtonElement {
    return find(selector, HTMLButtonElement, this.#form);
  }
}

const isOpen = (row: Remark): boolean => row.settled_at === null;
