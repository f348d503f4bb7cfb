import { type Calibration, expectedPrecision } from "../editor/core/calibration.ts";
import type { Label } from "../editor/core/workbench.ts";
import { find } from "../editor/view/dom.ts";
import { chordOf, isTyping } from "../editor/view/keys.ts";
import type { Words } from "../editor/view/messages.ts";
import { type Batch, Feed } from "./feed.ts";
import { Grid } from "./grid.ts";
import { showLabels } from "./labels.ts";
import { Pace } from "./pace.ts";
import { Page } from "./page.ts";
import { Sender, type SenderOptions, type SendResult } from "./sender.ts";

const NUM_WIDE = 40;
const NUM_NARROW = 12;
const RETRY_MS = 3000;

export interface WallOptions {
  readonly root: HTMLElement;
  readonly words: Words;
  readonly labels: readonly Label[];
  /** Scores of what waits, by label. */
  readonly scores: ReadonlyMap<number, readonly number[]>;
  readonly calibration: Calibration;
  readonly proposalsUrl: string;
  readonly imageUrl: (id: number) => string;
  readonly read: (url: string) => Promise<Batch>;
  readonly sender: Omit<SenderOptions, "onChange">;
  readonly now: () => number;
}

/** The crop wall: pages of one class after another, where only what is wrong costs a click. */
export class Wall {
  readonly #options: WallOptions;
  readonly #grid: Grid;
  readonly #sender: Sender;
  readonly #pace: Pace;
  readonly #scores: Map<number, readonly number[]>;
  #calibration: Calibration;
  #feed: Feed | null = null;
  #page = new Page([]);
  #before: Page[] = [];
  #label: number | null = null;
  #turn = 0;

  constructor(options: WallOptions) {
    this.#options = options;
    this.#scores = new Map(options.scores);
    this.#calibration = options.calibration;
    this.#pace = new Pace(options.now());
    this.#grid = new Grid({
      root: this.#find("[data-wall-grid]"),
      words: options.words,
      label: (id) => options.labels.find((label) => label.id === id),
      onToggle: (ids) => this.#mark(() => this.#page.toggleWrong(ids)),
    });
    this.#sender = new Sender({
      ...options.sender,
      onChange: (waiting, problem) => this.#showSaving(waiting, problem),
    });
  }

  start(): void {
    const { root } = this.#options;
    const query = new URLSearchParams(location.search);
    this.#label = Number(query.get("label")) || null;
    if (query.has("min_score")) this.#threshold.value = query.get("min_score") ?? "0.5";
    this.#threshold.addEventListener("input", () => this.#showHead());
    this.#threshold.addEventListener("change", () => void this.#restart());
    this.#button("[data-wall-accept]").addEventListener("click", () => void this.accept());
    this.#button("[data-wall-undo]").addEventListener("click", () => this.undo());
    this.#button("[data-wall-reject-all]").addEventListener("click", () => this.#rejectAll());
    root.addEventListener("dblclick", (event) => event.preventDefault());
    document.addEventListener("keydown", (event) => this.#press(event));
    void this.#restart();
  }

  /** Send the page's decisions and show the next; the server is not waited for. */
  async accept(): Promise<void> {
    const page = this.#page;
    if (page.tiles.length === 0) return;
    this.#page = new Page([]);
    this.#sender.add(page.decisions());
    this.#pace.pageDone(this.#options.now(), page.tiles.length);
    this.#before.push(page);
    this.#count(page, -1);
    await this.#showNext();
  }

  /** Bring the last page back as it was, and take back what was sent of it. */
  undo(): void {
    const page = this.#before.pop();
    if (!page) return;
    this.#feed?.giveBack(this.#page.tiles);
    this.#sender.add(page.reversal());
    this.#count(page, 1);
    this.#showPage(page);
  }

  async #restart(): Promise<void> {
    const query = new URLSearchParams({ min_score: this.#threshold.value });
    if (this.#label !== null) query.set("label", String(this.#label));
    history.replaceState(null, "", `?${query}`);
    const wanted = this.#label === null ? this.#options.labels.map(({ id }) => id) : [this.#label];
    const urls = wanted
      .filter((id) => (this.#scores.get(id) ?? []).length > 0)
      .map((id) => {
        const given = { label: String(id), min_score: this.#threshold.value };
        return `${this.#options.proposalsUrl}?${new URLSearchParams(given)}`;
      });
    const decided = this.#sender.waiting.map(({ id }) => id);
    this.#feed = new Feed(this.#options.read, urls, decided);
    this.#before = [];
    await this.#showNext();
  }

  async #showNext(): Promise<void> {
    const turn = ++this.#turn;
    const { root } = this.#options;
    root.dataset["state"] = "loading";
    const count = root.clientWidth >= 720 ? NUM_WIDE : NUM_NARROW;
    try {
      const tiles = (await this.#feed?.take(count)) ?? [];
      if (turn !== this.#turn) return;
      this.#showPage(new Page(tiles));
      for (const { url } of (await this.#feed?.peek(count)) ?? []) new Image().src = url;
    } catch {
      if (turn !== this.#turn) return;
      this.#find("[data-wall-saving]").textContent = this.#options.words("offline");
      setTimeout(() => turn === this.#turn && void this.#showNext(), RETRY_MS);
    }
  }

  #showPage(page: Page): void {
    this.#page = page;
    const isEmpty = page.tiles.length === 0;
    this.#options.root.dataset["state"] = isEmpty ? "empty" : "ready";
    this.#find("[data-wall-empty]").hidden = !isEmpty;
    this.#grid.show(page);
    this.#showHead();
    this.#showFoot();
  }

  #showHead(): void {
    const { words } = this.#options;
    const threshold = Number(this.#threshold.value);
    const above = (id: number) => (this.#scores.get(id) ?? []).filter((s) => s >= threshold);
    const shown = this.#options.labels
      .filter(({ id }) => this.#label === null || id === this.#label)
      .flatMap(({ id }) => above(id));
    this.#find("[data-wall-threshold-text]").textContent = percent(threshold);
    const precision = expectedPrecision(this.#calibration, shown);
    const count = this.#calibration.num_verdicts;
    this.#find("[data-wall-expected]").textContent =
      precision === null
        ? ""
        : words(count > 0 ? "expected" : "expectedByScore", {
            precision: percent(precision),
            count,
          });
    const minutes = this.#pace.minutesFor(shown.length);
    const values = { count: shown.length, minutes: Math.max(Math.round(minutes ?? 0), 1) };
    this.#find("[data-wall-left]").textContent = words(
      minutes === null || shown.length === 0 ? "left" : "leftWithTime",
      values,
    );
    showLabels({
      root: this.#find("[data-wall-labels]"),
      all: words("all"),
      labels: this.#options.labels,
      count: (id) => above(id).length,
      active: this.#label,
      onPick: (id) => {
        this.#label = id;
        void this.#restart();
      },
    });
  }

  #showFoot(): void {
    const { numRight, numWrong } = this.#page;
    const key = numWrong === 0 ? "accept" : numRight === 0 ? "next" : "acceptRest";
    const values = { count: numRight, rejected: numWrong };
    this.#find("[data-wall-accept-text]").textContent = this.#options.words(key, values);
    this.#button("[data-wall-accept]").disabled = this.#page.tiles.length === 0;
    this.#button("[data-wall-reject-all]").disabled = this.#page.tiles.length === 0;
    this.#button("[data-wall-undo]").disabled = this.#before.length === 0;
  }

  #showSaving(waiting: number, problem: SendResult | null): void {
    const { words } = this.#options;
    const text = this.#find("[data-wall-saving]");
    if (problem?.name === "refused") text.textContent = words("failed", { detail: problem.detail });
    else if (problem?.name === "unreachable") text.textContent = words("offline");
    else text.textContent = words(waiting > 0 ? "saving" : "saved", { count: waiting });
    if (problem?.name !== "saved") return;
    const { calibration } = problem.body as { calibration: Calibration };
    this.#calibration = calibration;
    this.#showHead();
  }

  #mark(change: () => void): void {
    change();
    this.#grid.refresh();
    this.#showFoot();
  }

  #rejectAll(): void {
    const ids = this.#page.tiles.map(({ id }) => id).filter((id) => !this.#page.isWrong(id));
    if (ids.length > 0) this.#mark(() => this.#page.toggleWrong(ids));
  }

  #press(event: KeyboardEvent): void {
    if (event.defaultPrevented || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const chord = chordOf(event);
    const label = this.#options.labels.find(({ hotkey }) => hotkey?.toUpperCase() === chord);
    const { meant } = this.#grid;
    if (label && meant.length > 0) this.#mark(() => this.#page.relabel(meant, label.id));
    else if (!this.#run(chord, event.target)) return;
    event.preventDefault();
  }

  #run(chord: string, target: EventTarget | null): boolean {
    const { meant } = this.#grid;
    const isOnButton = target instanceof HTMLElement && !!target.closest("button, a, input");
    const isOnTile = target instanceof HTMLElement && target.matches("[data-tile]");
    const commands: Readonly<Record<string, () => void>> = {
      X: () => this.#mark(() => this.#page.toggleWrong(meant)),
      "Shift+X": () => this.#rejectAll(),
      "Ctrl+Z": () => this.undo(),
      Escape: () => this.#grid.clearSelection(),
      O: () => this.#openImage(meant),
      ArrowLeft: () => this.#grid.step(-1),
      ArrowRight: () => this.#grid.step(1),
      ArrowUp: () => this.#grid.step(-this.#grid.columns),
      ArrowDown: () => this.#grid.step(this.#grid.columns),
      ...((!isOnButton || isOnTile) && { Enter: () => void this.accept() }),
      ...(isOnTile && { Space: () => this.#mark(() => this.#page.toggleWrong(meant)) }),
    };
    const isSlider = target instanceof HTMLInputElement;
    const command = isSlider && chord.startsWith("Arrow") ? undefined : commands[chord];
    command?.();
    return command !== undefined;
  }

  #openImage(ids: readonly string[]): void {
    const tile = this.#page.tiles.find(({ id }) => id === ids[0]);
    if (tile) window.open(this.#options.imageUrl(tile.imageId), "_blank", "noopener");
  }

  /** Keep the counts of what waits; the server's own come with the next visit. */
  #count(page: Page, by: 1 | -1): void {
    for (const { labelId, score } of page.tiles) {
      const scores = [...(this.#scores.get(labelId) ?? [])];
      if (by === 1) scores.push(score);
      else scores.splice(nearest(scores, score), 1);
      this.#scores.set(labelId, scores);
    }
  }

  get #threshold(): HTMLInputElement {
    return find("[data-wall-threshold]", HTMLInputElement, this.#options.root);
  }

  #button(selector: string): HTMLButtonElement {
    return find(selector, HTMLButtonElement, this.#options.root);
  }

  #find(selector: string): HTMLElement {
    return find(selector, HTMLElement, this.#options.root);
  }
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;

function nearest(scores: readonly number[], score: number): number {
  const gaps = scores.map((one) => Math.abs(one - score));
  return gaps.indexOf(Math.min(...gaps));
}
