import type { Label } from "../editor/core/workbench.ts";
import { element } from "../editor/view/dom.ts";
import type { Words } from "../editor/view/messages.ts";
import { type Page, ringsOf, type Tile } from "./page.ts";

const DRAG_PX = 6;

export interface GridOptions {
  readonly root: HTMLElement;
  readonly words: Words;
  readonly label: (id: number) => Label | undefined;
  /** Marks on these have been asked for; the grid shows what the page says after. */
  readonly onToggle: (ids: readonly string[]) => void;
}

/** The crops of a page: what is under the pointer, what a drag has marked, what is wrong. */
export class Grid {
  readonly #options: GridOptions;
  readonly #tiles = new Map<string, HTMLElement>();
  #page: Page | null = null;
  #selection: ReadonlySet<string> = new Set();
  #hovered: string | null = null;
  #band: { readonly x: number; readonly y: number; readonly element: HTMLElement } | null = null;
  #pressed: { readonly x: number; readonly y: number } | null = null;

  constructor(options: GridOptions) {
    this.#options = options;
    const { root } = options;
    root.addEventListener("pointerdown", (event) => this.#press(event));
    root.addEventListener("pointermove", (event) => this.#move(event));
    root.addEventListener("pointerup", (event) => this.#release(event));
    root.addEventListener("pointercancel", () => this.#endBand());
    root.addEventListener("pointerleave", () => {
      this.#hovered = null;
    });
    root.addEventListener("focusin", (event) => {
      this.#hovered = idOf(event.target);
    });
  }

  /** What a key acts on: the marked ones, else the one under the pointer or in focus. */
  get meant(): readonly string[] {
    if (this.#selection.size > 0) return Array.from(this.#selection);
    return this.#hovered === null ? [] : [this.#hovered];
  }

  show(page: Page): void {
    this.#page = page;
    this.#selection = new Set();
    this.#hovered = null;
    this.#tiles.clear();
    for (const tile of page.tiles) this.#tiles.set(tile.id, this.#newTile(tile));
    this.#options.root.replaceChildren(...this.#tiles.values());
    this.refresh();
  }

  refresh(): void {
    const page = this.#page;
    for (const tile of page?.tiles ?? []) {
      const shown = this.#tiles.get(tile.id);
      if (shown && page) this.#fill(shown, tile, page);
    }
  }

  clearSelection(): void {
    this.#selection = new Set();
    this.refresh();
  }

  /** Move the focus by so many tiles. */
  step(by: number): void {
    const shown = Array.from(this.#tiles.values());
    const at = shown.indexOf(document.activeElement as HTMLElement);
    shown[Math.min(Math.max(at + by, 0), shown.length - 1)]?.focus();
  }

  get columns(): number {
    const tops = Array.from(this.#tiles.values(), (tile) => tile.offsetTop);
    return Math.max(tops.filter((top) => top === tops[0]).length, 1);
  }

  #newTile(tile: Tile): HTMLElement {
    const [x1, y1, x2, y2] = tile.crop;
    const picture = element("img", { src: tile.url, alt: "", draggable: "false" });
    const frame = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    frame.setAttribute("viewBox", `${x1} ${y1} ${x2 - x1} ${y2 - y1}`);
    frame.setAttribute("aria-hidden", "true");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    line.setAttribute(
      "d",
      ringsOf(tile)
        .map((ring) => `M${ring.join("L")}Z`)
        .join(""),
    );
    frame.append(line);
    return element(
      "button",
      { type: "button", class: "wall-tile", "data-tile": tile.id },
      element("span", { class: "wall-picture" }, picture, frame),
      element("span", { class: "wall-name" }),
    );
  }

  #fill(shown: HTMLElement, tile: Tile, page: Page): void {
    const { words } = this.#options;
    const label = this.#options.label(page.labelOf(tile));
    const isWrong = page.isWrong(tile.id);
    const score = `${Math.round(tile.score * 100)} %`;
    shown.style.setProperty("--tone", label?.color ?? "");
    shown.setAttribute("aria-pressed", String(isWrong));
    shown.toggleAttribute("data-marked", this.#selection.has(tile.id));
    shown.toggleAttribute("data-relabeled", page.labelOf(tile) !== tile.labelId);
    const name = words("crop", { label: label?.name ?? "?", score });
    shown.setAttribute("aria-label", isWrong ? `${name}: ${words("wrong")}` : name);
    const text = shown.querySelector(".wall-name");
    text?.replaceChildren(element("span", {}, label?.name ?? "?"), element("span", {}, score));
  }

  #press(event: PointerEvent): void {
    if (event.button !== 0 || event.pointerType === "touch") return;
    this.#pressed = { x: event.clientX, y: event.clientY };
  }

  #move(event: PointerEvent): void {
    this.#hovered = idOf(event.target);
    const from = this.#pressed;
    if (!from) return;
    const isDrag = Math.hypot(event.clientX - from.x, event.clientY - from.y) > DRAG_PX;
    if (!this.#band && isDrag) {
      const band = element("div", { class: "wall-band" });
      document.body.append(band);
      this.#band = { ...from, element: band };
      this.#options.root.setPointerCapture(event.pointerId);
    }
    if (this.#band) this.#stretch(this.#band, event);
  }

  #stretch(
    { x, y, element: band }: { x: number; y: number; element: HTMLElement },
    to: MouseEvent,
  ) {
    const [left, top] = [Math.min(x, to.clientX), Math.min(y, to.clientY)];
    const [right, bottom] = [Math.max(x, to.clientX), Math.max(y, to.clientY)];
    band.style.translate = `${left}px ${top}px`;
    band.style.width = `${right - left}px`;
    band.style.height = `${bottom - top}px`;
    const inside = Array.from(this.#tiles).filter(([, tile]) => {
      const box = tile.getBoundingClientRect();
      return box.left < right && box.right > left && box.top < bottom && box.bottom > top;
    });
    this.#selection = new Set(inside.map(([id]) => id));
    this.refresh();
  }

  #release(event: PointerEvent): void {
    const wasBand = this.#band !== null;
    this.#endBand();
    const id = wasBand || event.button !== 0 ? null : idOf(event.target);
    if (id === null) return;
    const ids = this.#selection.has(id) ? Array.from(this.#selection) : [id];
    if (!this.#selection.has(id)) this.#selection = new Set();
    this.#options.onToggle(ids);
  }

  #endBand(): void {
    this.#band?.element.remove();
    this.#band = null;
    this.#pressed = null;
  }
}

function idOf(target: EventTarget | null): string | null {
  const tile = target instanceof Element ? target.closest<HTMLElement>("[data-tile]") : null;
  return tile?.dataset["tile"] ?? null;
}
