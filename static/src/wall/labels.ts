import type { Label } from "../editor/core/workbench.ts";
import { element } from "../editor/view/dom.ts";

export interface LabelBarOptions {
  readonly root: HTMLElement;
  readonly all: string;
  readonly labels: readonly Label[];
  readonly count: (id: number) => number;
  readonly active: number | null;
  readonly onPick: (id: number | null) => void;
}

/** One chip a label, with its key and how many of it wait. */
export function showLabels(options: LabelBarOptions): void {
  const { root, labels, active, count, onPick } = options;
  const total = labels.reduce((sum, { id }) => sum + count(id), 0);
  const chip = (id: number | null, name: string, num: number, label?: Label) => {
    const swatch = element("span", { class: "wall-swatch" });
    if (label) swatch.style.background = label.color;
    const button = element(
      "button",
      { type: "button", class: "quiet small", "aria-pressed": String(id === active) },
      ...(label ? [swatch] : []),
      element("span", {}, name),
      element("span", { class: "soft" }, String(num)),
      ...(label?.hotkey ? [element("kbd", {}, label.hotkey)] : []),
    );
    button.addEventListener("click", () => onPick(id));
    return element("li", {}, button);
  };
  root.replaceChildren(
    chip(null, options.all, total),
    ...labels.map((label) => chip(label.id, label.name, count(label.id), label)),
  );
}
