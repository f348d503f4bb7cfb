import { fitTo } from "../../core/camera.ts";
import { type AnnotationWire, fromAnnotation } from "../../core/wire.ts";
import type { Workbench } from "../../core/workbench.ts";
import type { Conflict } from "../../sync/merge.ts";
import type { OutboxState, Refusal } from "../../sync/outbox.ts";
import { element, find } from "../dom.ts";
import { drawImage, type Picture } from "../draw.ts";
import type { Words } from "../messages.ts";
import type { Palette } from "../palette.ts";
import { type Pen, paint } from "../pen.ts";

export interface SavingHost {
  /** What a conflict is drawn over. */
  setting(): {
    readonly picture: Picture | null;
    readonly palette: Palette;
    readonly bench: Workbench;
  } | null;
  retry(): void;
  resolve(id: string, choice: "mine" | "theirs"): void;
  discard(id: string): void;
}

const SIDE_PX = { width: 260, height: 180 };

/** "Saved", "3 waiting": always in sight, and what is behind it on a click. */
export class SavingPanel {
  readonly #button = find("[data-saved]", HTMLButtonElement);
  readonly #text = find("[data-saved-text]", HTMLElement);
  readonly #dialog = find("#editor-saving", HTMLDialogElement);
  readonly #words: Words;
  readonly #host: SavingHost;
  #state: OutboxState | null = null;
  #shown = "";
  #numElsewhere = 0;

  constructor(words: Words, host: SavingHost) {
    this.#words = words;
    this.#host = host;
    this.#button.addEventListener("click", () => this.open());
    find("[data-saving-retry]", HTMLButtonElement).addEventListener("click", () => host.retry());
  }

  open(): void {
    this.#fill();
    this.#dialog.showModal();
  }

  show(state: OutboxState): void {
    const numToSettle = state.conflicts.length + state.refusals.length;
    const hasNews = numToSettle > numOf(this.#state);
    this.#state = state;
    this.#button.dataset["state"] = toneOf(state, this.#numElsewhere);
    this.#text.textContent = this.#headline(state);
    if (this.#dialog.open) this.#fill();
    else if (hasNews) this.open();
    if (this.#dialog.open && numToSettle === 0 && this.#shown !== "") this.#dialog.close();
    this.#shown = keyOf(state);
  }

  /** Objects of other images that wait as well. */
  showOthers(waiting: number): void {
    this.#numElsewhere = waiting;
    if (this.#state) this.show(this.#state);
  }

  #headline(state: OutboxState): string {
    const { connection } = state;
    const count = state.waiting + this.#numElsewhere;
    const numToSettle = numOf(state);
    if (numToSettle > 0) return this.#words("waiting.conflict", { count: numToSettle });
    if (count === 0) return this.#words("saved");
    if (connection === "fine") return this.#words("waiting", { count });
    const key = connection === "signedOut" ? "waiting.signedOut" : "waiting.unreachable";
    return this.#words(key, { count });
  }

  #fill(): void {
    const state = this.#state;
    if (!state) return;
    const texts = [this.#words(`saving.${state.connection}`)];
    if (!state.isKept) texts.push(this.#words("saving.unkept"));
    find("[data-saving-text]", HTMLElement).textContent = texts.join(" ");
    find("[data-saving-login]", HTMLElement).hidden = state.connection !== "signedOut";
    const items = find("[data-saving-items]", HTMLElement);
    if (this.#shown === keyOf(state) && items.childElementCount > 0) return;
    items.replaceChildren(
      ...state.conflicts.map((conflict) => this.#conflict(conflict)),
      ...state.refusals.map((refusal) => this.#refusal(refusal)),
    );
  }

  #conflict({ change, theirs }: Conflict): HTMLElement {
    const template = find("#editor-conflict", HTMLTemplateElement);
    const item = template.content.cloneNode(true) as DocumentFragment;
    const article = find("article", HTMLElement, item);
    const key = theirs ? "conflict.changed" : "conflict.removed";
    find("[data-conflict-text]", HTMLElement, item).textContent = this.#words(key);
    for (const [side, shape] of [
      ["mine", change.after],
      ["theirs", theirs],
    ] as const) {
      this.#side(item, side, shape, change.after ?? theirs ?? change.before);
      find(`[data-choose=${side}]`, HTMLButtonElement, item).addEventListener("click", () =>
        this.#host.resolve(change.id, side),
      );
    }
    return article;
  }

  #side(
    item: ParentNode,
    side: "mine" | "theirs",
    shape: AnnotationWire | null,
    around: AnnotationWire | null,
  ): void {
    const setting = this.#host.setting();
    const caption = find(`[data-caption=${side}]`, HTMLElement, item);
    const label = shape && setting?.bench.labelOf({ labelId: shape.label_id });
    caption.textContent = shape ? (label?.name ?? "?") : this.#words("conflict.deleted");
    if (!setting || !around) return;
    const canvas = find(`canvas[data-side=${side}]`, HTMLCanvasElement, item);
    paintSide(canvas, setting, shape, around);
  }

  #refusal({ change, detail }: Refusal): HTMLElement {
    const button = element(
      "button",
      { type: "button", class: "quiet" },
      this.#words("refused.discard"),
    );
    button.addEventListener("click", () => this.#host.discard(change.id));
    return element(
      "article",
      { class: "editor-conflict" },
      element("p", {}, this.#words("refused", { detail })),
      button,
    );
  }
}

function paintSide(
  canvas: HTMLCanvasElement,
  setting: {
    readonly picture: Picture | null;
    readonly palette: Palette;
    readonly bench: Workbench;
  },
  shape: AnnotationWire | null,
  around: AnnotationWire,
): void {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = SIDE_PX.width * ratio;
  canvas.height = SIDE_PX.height * ratio;
  const ctx = canvas.getContext("2d");
  if (!ctx) return;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  const { image } = setting.bench;
  const camera = fitTo(around.bbox, SIDE_PX, 40);
  drawImage(ctx, setting.picture, image, { camera, view: SIDE_PX }, ratio);
  const { palette } = setting;
  if (shape)
    paint(ctx, camera, fromAnnotation(shape).geometry, palette.label(shape.label_id), SIDE);
}

const SIDE: Pen = { width: 2, fill: 0.15, isHaloed: true };

const numOf = (state: OutboxState | null): number =>
  state ? state.conflicts.length + state.refusals.length : 0;

const keyOf = ({ conflicts, refusals }: OutboxState): string =>
  [...conflicts, ...refusals].map(({ change }) => change.id).join();

function toneOf(state: OutboxState, numElsewhere: number): string {
  if (numOf(state) > 0 || state.connection === "gone") return "conflict";
  if (state.connection !== "fine") return state.connection;
  return state.waiting + numElsewhere > 0 ? "waiting" : "saved";
}
