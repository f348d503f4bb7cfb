import { Chosen } from "./chosen.ts";
import { firstInSight, type Grid, pagesFor, room, runAround } from "./window.ts";

/** How long a place must be looked at before what stands there is asked for. */
const STAY_MS = 80;
const AGAIN_MS = 2000;

/** A project's images: a few screens of cards in a list as long as all of them. */
class Gallery {
  readonly #list: HTMLUListElement;
  readonly #chosen: Chosen;
  readonly #query: HTMLInputElement | null;
  readonly #pages = new Map<number, HTMLLIElement[]>();
  readonly #asked = new Map<number, AbortController>();
  #grid: Grid;
  #timer = 0;
  /** The image that gets the focus once it is there. */
  #awaited: number | null = null;

  constructor(list: HTMLUListElement, form: HTMLFormElement) {
    this.#list = list;
    this.#chosen = new Chosen(form);
    this.#query = form.querySelector<HTMLInputElement>("input[name=query]");
    const [total, page] = [Number(list.dataset["total"]), Number(list.dataset["page"])];
    this.#grid = { total, page, columns: 1, rowPx: 1 };
    const first = Number(list.dataset["first"]) / page;
    this.#pages.set(first, cardsIn(list));
    for (const link of list.querySelectorAll(".more")) link.remove();
  }

  start(): void {
    history.scrollRestoration = "manual";
    this.#measure();
    const at = Number(this.#list.dataset["at"]);
    if (at) this.#goTo(at - 1);
    this.#show();
    const look = () => requestAnimationFrame(() => this.#look());
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", () => {
      const at = firstInSight(this.#grid, this.#topPx());
      this.#measure();
      if (at) this.#goTo(at);
      look();
    });
    this.#list.addEventListener("keydown", (event) => this.#onKey(event));
    this.#look();
  }

  /** Bring an image into sight and give it the focus. */
  focus(at: number): void {
    const place = Math.min(Math.max(at, 0), this.#grid.total - 1);
    this.#awaited = place;
    if (!this.#card(place)) this.#goTo(place);
    this.#look();
    this.#focusAwaited();
  }

  #topPx(): number {
    return this.#list.getBoundingClientRect().top;
  }

  #measure(): void {
    const style = getComputedStyle(this.#list);
    const card = this.#list.querySelector("li");
    if (!card) return;
    this.#grid = {
      ...this.#grid,
      columns: style.gridTemplateColumns.split(" ").length,
      rowPx: card.getBoundingClientRect().height + Number.parseFloat(style.rowGap),
    };
  }

  /** Scroll so that an image stands below the bar of the page. */
  #goTo(at: number): void {
    this.#show();
    const [above] = room(this.#grid, at, at);
    const bar = Number.parseFloat(getComputedStyle(this.#list).scrollMarginTop);
    scrollBy({ top: this.#topPx() + above - bar, behavior: "instant" });
  }

  #look(): void {
    this.#show();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#ask();
      this.#sayWhere();
    }, STAY_MS);
  }

  #wanted() {
    return pagesFor(this.#grid, this.#topPx(), innerHeight);
  }

  #show(): void {
    const { page, columns, total } = this.#grid;
    const sight = Math.floor(firstInSight(this.#grid, this.#topPx()) / page);
    const [from, to] = runAround((one) => this.#pages.has(one), this.#wanted(), sight);
    const cards = [];
    for (let at = from; at < to; at += 1) cards.push(...(this.#pages.get(at) ?? []));
    place(this.#list, cards);
    const [above, below] = room(this.#grid, from * page, Math.min(to * page, total));
    this.#list.style.paddingBlock = `${above}px ${below}px`;
    for (const card of cards) card.style.gridColumnStart = "";
    if (cards[0]) cards[0].style.gridColumnStart = String(((from * page) % columns) + 1);
    this.#list.ariaBusy = String(cards.length === 0);
  }

  #ask(): void {
    const [from, to] = this.#wanted();
    this.#forget(from, to);
    for (let page = from; page < to; page += 1) {
      if (!this.#pages.has(page) && !this.#asked.has(page)) void this.#fetch(page);
    }
  }

  #forget(from: number, to: number): void {
    for (const [page, asked] of this.#asked) {
      if (page < from || page >= to) asked.abort();
    }
    for (const page of this.#pages.keys()) {
      if (page < from - 4 || page > to + 4) this.#pages.delete(page);
    }
  }

  async #fetch(page: number): Promise<void> {
    const asked = new AbortController();
    this.#asked.set(page, asked);
    const url = addressOf({ at: String(page * this.#grid.page + 1) });
    try {
      const response = await fetch(url, {
        headers: { "HX-Request": "true" },
        signal: asked.signal,
      });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      const cards = cardsIn(new DOMParser().parseFromString(await response.text(), "text/html"));
      for (const card of cards) this.#chosen.restore(card);
      this.#pages.set(page, cards);
    } catch {
      if (!asked.signal.aborted) setTimeout(() => this.#look(), AGAIN_MS);
    }
    this.#asked.delete(page);
    this.#show();
    this.#focusAwaited();
  }

  /** The address leads back to what is in sight. */
  #sayWhere(): void {
    const at = firstInSight(this.#grid, this.#topPx());
    const url = addressOf({ at: at ? String(at + 1) : "", go: "" });
    history.replaceState(history.state, "", url);
    if (this.#query) this.#query.value = url.search.slice(1);
  }

  #card(at: number): HTMLLIElement | undefined {
    const { page } = this.#grid;
    const card = this.#pages.get(Math.floor(at / page))?.[at % page];
    return card?.isConnected ? card : undefined;
  }

  #focusAwaited(): void {
    if (this.#awaited === null) return;
    const link = this.#card(this.#awaited)?.querySelector("a");
    if (!link) return;
    this.#awaited = null;
    link.focus();
  }

  #onKey(event: KeyboardEvent): void {
    const card = event.target instanceof Element ? event.target.closest("li") : null;
    if (!card || event.ctrlKey || event.metaKey || event.altKey) return;
    // On a box it would press the form's first button.
    if (event.key === "Enter" && event.target instanceof HTMLInputElement) event.preventDefault();
    if (event.key === "x") card.querySelector<HTMLInputElement>("input")?.click();
    const { columns, total } = this.#grid;
    const at = Number(card.ariaPosInSet) - 1;
    const places: Readonly<Record<string, number>> = {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at - columns,
      ArrowDown: at + columns,
      Home: 0,
      End: total - 1,
    };
    const next = places[event.key];
    if (next === undefined) return;
    event.preventDefault();
    if (next >= 0 && next < total) this.focus(next);
  }
}

function cardsIn(root: ParentNode): HTMLLIElement[] {
  return Array.from(root.querySelectorAll<HTMLLIElement>("li[aria-posinset]"));
}

/** Make these the list's only children; those that stay are not touched. */
function place(list: Element, cards: readonly Element[]): void {
  const kept = new Set(cards);
  for (const child of Array.from(list.children)) if (!kept.has(child)) child.remove();
  let next = list.firstElementChild;
  for (const card of cards) {
    if (card === next) next = next.nextElementSibling;
    else list.insertBefore(card, next);
  }
}

/** This page's address with some parameters changed; an empty one is dropped. */
function addressOf(changes: Readonly<Record<string, string>>): URL {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  return url;
}

/** A number or a name leads to its image without leaving the page. */
function followJumps(gallery: Gallery, field: HTMLInputElement): void {
  field.addEventListener("input", () => field.setCustomValidity(""));
  field.form?.addEventListener("submit", (event) => {
    event.preventDefault();
    void jump(gallery, field);
  });
  document.addEventListener("keydown", (event) => {
    const isTyping =
      event.target instanceof Element && event.target.matches("input:not([type=checkbox]), select");
    if (event.key !== "g" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    field.select();
    field.focus();
  });
}

async function jump(gallery: Gallery, field: HTMLInputElement): Promise<void> {
  const url = addressOf({ go: field.value, at: "" });
  const response = await fetch(url, { headers: { "HX-Request": "true" } }).catch(() => null);
  const at = response?.ok && Number(new URL(response.url).searchParams.get("at"));
  if (at) {
    gallery.focus(at - 1);
    return;
  }
  if (response?.status === 404) field.setCustomValidity(await response.text());
  field.reportValidity();
}

const list = document.querySelector<HTMLUListElement>(".cards[data-total]");
const form = list?.closest("form");
if (list && form) {
  const gallery = new Gallery(list, form);
  gallery.start();
  const field = document.querySelector<HTMLInputElement>("input[name=go]");
  if (field) followJumps(gallery, field);
}
