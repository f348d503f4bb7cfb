import { askedOf } from "../../core/asked.ts";
import { setAttribute } from "../../core/commands.ts";
import type { Attribute, Workbench } from "../../core/workbench.ts";
import { element } from "../dom.ts";

/** The attributes of what is selected, where all of it has the same label. */
export class AttributeFields {
  readonly #root: HTMLElement;
  #shown = "";

  constructor(root: HTMLElement) {
    this.#root = root;
  }

  show(bench: Workbench): void {
    const shapes = bench.selectedShapes();
    const [first] = shapes;
    const isOneLabel = shapes.every(({ labelId }) => labelId === first?.labelId);
    const label = first && isOneLabel ? bench.labelOf(first) : undefined;
    const asked = askedOf(label, first?.attributes ?? {}).filter((one) =>
      shapes.every(({ attributes }) => askedOf(label, attributes).includes(one)),
    );
    const values = asked.map(({ name }) => common(shapes.map((one) => one.attributes[name])));
    // Fields stay the same elements while nothing has changed, so that typing goes on.
    const state = JSON.stringify([shapes.map(({ id }) => id), asked, values]);
    if (state === this.#shown) return;
    this.#shown = state;
    this.#root.hidden = asked.length === 0;
    const fields = asked.map((attribute, index) => field(bench, attribute, values[index]));
    this.#root.replaceChildren(...fields);
  }
}

/** What all of them say; undefined where they differ. */
function common(values: readonly unknown[]): unknown {
  return values.every((value) => value === values[0]) ? values[0] : undefined;
}

function field(bench: Workbench, attribute: Attribute, value: unknown): HTMLElement {
  const say = (said: unknown) => setAttribute(bench, attribute.name, said);
  const name = element("span", {}, attribute.name);
  if (attribute.kind === "checkbox") {
    const box = element("input", { type: "checkbox" });
    box.checked = value === true;
    box.addEventListener("change", () => say(box.checked));
    return element("label", { class: "editor-attribute" }, box, name);
  }
  const input = attribute.kind === "select" ? choice(attribute) : plain(attribute);
  input.value = value === undefined ? "" : String(value);
  input.addEventListener("change", () => {
    if (input.value === "") say(undefined);
    else say(attribute.kind === "number" ? Number(input.value) : input.value);
  });
  return element("label", { class: "editor-attribute" }, name, input);
}

function choice({ options }: Attribute): HTMLSelectElement {
  const all = ["", ...(options ?? [])];
  return element("select", {}, ...all.map((one) => element("option", { value: one }, one || "–")));
}

const plain = ({ kind }: Attribute): HTMLInputElement =>
  element("input", kind === "number" ? { type: "number", step: "any" } : { type: "text" });
