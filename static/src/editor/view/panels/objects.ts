import type { Shape } from "../../core/document.ts";
import type { Workbench } from "../../core/workbench.ts";
import { element, find, icon } from "../dom.ts";
import type { Words } from "../messages.ts";

const ROW_PX = 32;
const SPARE_ROWS = 4;

/** The list of objects. Only the rows in sight exist, so ten thousand cost what ten do. */
export class ObjectList {
  readonly #box: HTMLElement;
  readonly #rows: HTMLElement;
  readonly #count: HTMLElement;
  readonly #empty: HTMLElement;
  readonly #words: Words;
  #bench: Workbench | null = null;
  #shapes: readonly Shape[] = [];
  readonly #made = new Map<string, HTMLElement>();
  #frame = 0;

  constructor(root: HTMLElement, words: Words) {
    this.#box = find("[data-objects]", HTMLElement, root);
    this.#rows = find("[data-objects-rows]", HTMLElement, root);
    this.#count = find("[data-objects-count]", HTMLElement, root);
    this.#empty = find("[data-objects-empty]", HTMLElement, root);
    this.#words = words;
    this.#box.addEventListener("scroll", () => this.refresh());
    this.#rows.addEventListener("click", (event) => this.#click(event));
    this.#rows.addEventListener("pointerover", (event) => this.#bench?.hover(idOf(event)));
    this.#rows.addEventListener("pointerleave", () => this.#bench?.hover(null));
    new ResizeObserver(() => this.refresh()).observe(this.#box);
  }

  show(bench: Workbench): void {
    this.#bench = bench;
    this.#box.scrollTop = 0;
    this.refresh();
  }

  /** Bring the last selected object into sight. */
  reveal(): void {
    const id = Array.from(this.#bench?.selection ?? []).at(-1);
    const at = this.#shapes.findIndex((shape) => shape.id === id);
    if (at < 0) return;
    const [top, bottom] = [at * ROW_PX, (at + 1) * ROW_PX];
    const { scrollTop, clientHeight } = this.#box;
    if (top < scrollTop) this.#box.scrollTop = top;
    else if (bottom > scrollTop + clientHeight) this.#box.scrollTop = bottom - clientHeight;
  }

  refresh(): void {
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.#render());
  }

  #render(): void {
    this.#frame = 0;
    const bench = this.#bench;
    if (!bench) return;
    this.#shapes = Array.from(bench.doc.values());
    this.#count.textContent = String(this.#shapes.length);
    this.#empty.hidden = this.#shapes.length > 0;
    this.#box.hidden = this.#shapes.length === 0;
    const { scrollTop, clientHeight } = this.#box;
    const first = Math.max(0, Math.floor(scrollTop / ROW_PX) - SPARE_ROWS);
    const last = Math.ceil((scrollTop + clientHeight) / ROW_PX) + SPARE_ROWS;
    this.#rows.style.height = `${this.#shapes.length * ROW_PX}px`;
    this.#place(bench, first, this.#shapes.slice(first, last));
  }

  /** Rows stay the same elements while they are in sight, so that a click finds its row. */
  #place(bench: Workbench, first: number, shapes: readonly Shape[]): void {
    const ids = new Set(shapes.map(({ id }) => id));
    for (const [id, row] of this.#made) {
      if (ids.has(id)) continue;
      row.remove();
      this.#made.delete(id);
    }
    shapes.forEach((shape, offset) => {
      const row = this.#made.get(shape.id) ?? this.#newRow(shape.id);
      this.#fillRow(bench, row, shape, first + offset);
    });
  }

  #newRow(id: string): HTMLElement {
    const row = element(
      "div",
      { class: "editor-object", role: "listitem", "data-id": id },
      element("span", { class: "editor-swatch" }),
      element("span", { class: "editor-object-number" }),
      element("button", { type: "button", class: "editor-object-name" }),
      element("span", { class: "editor-score" }),
      this.#action("hide"),
      this.#action("lock"),
      this.#action("remove"),
    );
    this.#made.set(id, row);
    this.#rows.append(row);
    return row;
  }

  #fillRow(bench: Workbench, row: HTMLElement, shape: Shape, index: number): void {
    const label = bench.labelOf(shape);
    const part = (name: string) => find(`.editor-${name}`, HTMLElement, row);
    const [isHidden, isLocked] = [bench.isHidden(shape.id), bench.isLocked(shape.id)];
    part("swatch").style.background = label?.color ?? "";
    part("object-number").textContent = String(index + 1);
    const isTag = shape.geometry.kind === "tag";
    const name = label?.name ?? "?";
    part("object-name").textContent = isTag ? `${name} · ${this.#words("tagged")}` : name;
    row.toggleAttribute("data-grouped", shape.group !== null);
    part("score").textContent = shape.score === null ? "" : shape.score.toFixed(2);
    setPicture(row, "hide", isHidden ? "eye-off" : "eye", isHidden);
    setPicture(row, "lock", isLocked ? "lock" : "unlock", isLocked);
    row.style.transform = `translateY(${index * ROW_PX}px)`;
    const isSelected = bench.selection.has(shape.id);
    row.toggleAttribute("data-selected", isSelected);
    part("object-name").setAttribute("aria-pressed", String(isSelected));
    row.toggleAttribute("data-hovered", bench.hovered === shape.id);
    row.toggleAttribute("data-hidden", isHidden);
  }

  #action(command: "hide" | "lock" | "remove"): HTMLElement {
    const title = this.#words(`command.${command}`);
    return element(
      "button",
      { type: "button", tabindex: "-1", title, "aria-label": title, "data-action": command },
      icon("trash"),
    );
  }

  #click(event: MouseEvent): void {
    const bench = this.#bench;
    const id = idOf(event);
    if (!bench || !id) return;
    const action = (event.target as Element).closest<HTMLElement>("[data-action]")?.dataset[
      "action"
    ];
    if (action === "hide") bench.setHidden([id], !bench.isHidden(id));
    else if (action === "lock") bench.setLocked([id], !bench.isLocked(id));
    else if (action === "remove") removeOne(bench, id);
    else bench.select(event.shiftKey || event.ctrlKey ? [...bench.selection, id] : [id]);
  }
}

function setPicture(row: HTMLElement, action: string, picture: string, isOn: boolean): void {
  const button = find(`[data-action=${action}]`, HTMLElement, row);
  button.toggleAttribute("data-on", isOn);
  button.querySelector("use")?.setAttribute("href", `#icon-${picture}`);
}

function removeOne(bench: Workbench, id: string): void {
  if (bench.isLocked(id) || bench.editor.isOpen) return;
  bench.editor.begin("remove");
  bench.editor.remove(id);
  bench.editor.commit();
}

function idOf(event: Event): string | null {
  const row = (event.target as Element).closest<HTMLElement>("[data-id]");
  return row?.dataset["id"] ?? null;
}
