import { type Calibration, expectedPrecision } from "../../core/calibration.ts";
import { applyLabel, toggleFlag } from "../../core/commands.ts";
import type { Topic, Workbench } from "../../core/workbench.ts";
import { element, find } from "../dom.ts";
import { percent } from "../draw.ts";
import type { Words } from "../messages.ts";
import { AttributeFields } from "./attributes.ts";
import { showByClass } from "./byClass.ts";
import { ObjectList } from "./objects.ts";
import { Steps } from "./steps.ts";

/** The right panel: labels, proposals, what is selected, all objects. */
export class Sidebar {
  readonly #root: HTMLElement;
  readonly #words: Words;
  readonly #objects: ObjectList;
  readonly #attributes: AttributeFields;
  readonly #steps: Steps;
  #bench: Workbench | null = null;
  #calibration: Calibration | null = null;

  constructor(root: HTMLElement, words: Words, { isIdle }: { isIdle: () => boolean }) {
    this.#root = root;
    this.#words = words;
    this.#objects = new ObjectList(root, words);
    this.#attributes = new AttributeFields(this.#find("[data-attributes]"));
    this.#steps = new Steps(root, words, isIdle);
    this.#threshold.addEventListener("input", () => {
      this.#bench?.proposals.setThreshold(Number(this.#threshold.value));
    });
    for (const flag of this.#flags) {
      flag.addEventListener("change", () => {
        const name = flag.dataset["flag"] === "isOccluded" ? "isOccluded" : "isTruncated";
        if (this.#bench) toggleFlag(this.#bench, name);
      });
    }
  }

  show(bench: Workbench): void {
    // What was chosen stays for the images after it.
    if (this.#bench) bench.proposals.setThreshold(this.#bench.proposals.threshold);
    this.#bench = bench;
    this.#objects.show(bench);
    this.#threshold.value = String(bench.proposals.threshold);
    this.#steps.show(bench);
    this.showLabels();
    this.showProposals();
    this.showSelection();
  }

  showCalibration(calibration: Calibration | null): void {
    this.#calibration = calibration;
    this.showProposals();
  }

  showHistory(): void {
    this.#steps.refresh();
  }

  follow(topic: Topic): void {
    if (topic === "shapes") this.#showShapes();
    else if (topic === "hover") this.#objects.refresh();
    else if (topic === "proposals") this.showProposals();
    else this.showSelection();
  }

  #showShapes(): void {
    this.#objects.refresh();
    if (this.#bench && !this.#bench.editor.isOpen) this.#attributes.show(this.#bench);
    this.#showMeasure();
  }

  showSelection(): void {
    this.#objects.refresh();
    this.#objects.reveal();
    const shapes = this.#bench?.selectedShapes() ?? [];
    this.#find("[data-selected]").hidden = shapes.length === 0;
    for (const flag of this.#flags) {
      const name = flag.dataset["flag"] === "isOccluded" ? "isOccluded" : "isTruncated";
      const numOn = shapes.filter((shape) => shape[name]).length;
      flag.checked = numOn > 0 && numOn === shapes.length;
      flag.indeterminate = numOn > 0 && numOn < shapes.length;
    }
    if (this.#bench) this.#attributes.show(this.#bench);
    this.#showMeasure();
    this.#markLabel();
  }

  showLabels(): void {
    const bench = this.#bench;
    if (!bench) return;
    const items = bench.labels.map((label) => {
      const swatch = element("span", { class: "editor-swatch" });
      swatch.style.background = label.color;
      const button = element(
        "button",
        { type: "button", "data-label": String(label.id) },
        swatch,
        element("span", {}, label.name),
        ...(label.hotkey ? [element("kbd", {}, label.hotkey)] : []),
      );
      button.addEventListener("click", () => applyLabel(bench, label.id));
      return element("li", {}, button);
    });
    this.#find("[data-labels]").replaceChildren(...items);
    this.#markLabel();
  }

  showProposals(): void {
    const bench = this.#bench;
    if (!bench) return;
    const { proposals } = bench;
    const { all, open, threshold, focused } = proposals;
    this.#find("[data-proposals]").hidden = all.length === 0;
    this.#find("[data-proposals-open]").textContent = `${open.length} / ${all.length}`;
    this.#find("[data-threshold-text]").textContent = percent(threshold);
    const scores = open.map(({ score }) => score);
    const precision = this.#calibration && expectedPrecision(this.#calibration, scores);
    this.#find("[data-expected]").textContent =
      precision === null ? "" : this.#words("expected", { precision: percent(precision) });
    showByClass(this.#find("[data-by-class]"), bench, this.#words);
    const models = new Set(all.map(({ model }) => model));
    this.#find("[data-model]").textContent = Array.from(models).join(", ");
    for (const name of ["accept", "reject"]) {
      const button = find(`.editor-panel [data-command=${name}]`, HTMLButtonElement);
      button.disabled = name === "reject" ? !focused : open.length === 0;
    }
    find(".editor-panel [data-command=acceptAll]", HTMLButtonElement).disabled = open.length === 0;
  }

  #markLabel(): void {
    const bench = this.#bench;
    const used = new Set(bench?.selectedShapes().map(({ labelId }) => labelId));
    for (const button of this.#root.querySelectorAll<HTMLElement>("[data-label]")) {
      const id = Number(button.dataset["label"]);
      button.setAttribute("aria-pressed", String(id === bench?.activeLabel));
      button.toggleAttribute("data-used", used.has(id));
    }
  }

  #showMeasure(): void {
    const shapes = this.#bench?.selectedShapes() ?? [];
    const [only, another] = shapes;
    const text = this.#find("[data-measure]");
    if (!only || another) {
      text.textContent = this.#words("selectedMany", { count: shapes.length });
      return;
    }
    const [x1, y1, x2, y2] = only.bbox.map((value) => Math.round(value)) as [
      number,
      number,
      number,
      number,
    ];
    text.textContent = `${x2 - x1} × ${y2 - y1} px · ${x1}, ${y1}`;
  }

  get #threshold(): HTMLInputElement {
    return find("[data-threshold]", HTMLInputElement, this.#root);
  }

  get #flags(): HTMLInputElement[] {
    return Array.from(this.#root.querySelectorAll<HTMLInputElement>("[data-flag]"));
  }

  #find(selector: string): HTMLElement {
    return find(selector, HTMLElement, this.#root);
  }
}
