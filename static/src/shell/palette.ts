import { type Entry, search } from "./match.ts";
import { closest } from "./preferences.ts";

const MOST = 60;

/** The command palette: `/` or Ctrl+K, type, Enter. Its entries come with the page. */
export function followPalette(): void {
  const source = document.getElementById("palette");
  if (!source) return;
  const entries = JSON.parse(source.textContent ?? "[]") as Entry[];
  const palette = new Palette(entries);
  document.addEventListener("click", (event) => {
    if (closest(event, "[data-palette-open]")) palette.open();
  });
  document.addEventListener("keydown", (event) => {
    const isSlash = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey;
    const isCtrlK = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
    if (!isCtrlK && !(isSlash && !isTyping(event.target))) return;
    event.preventDefault();
    palette.open();
  });
}

class Palette {
  readonly #entries: readonly Entry[];
  readonly #dialog = document.createElement("dialog");
  readonly #input = document.createElement("input");
  readonly #list = document.createElement("div");
  #active = 0;

  constructor(entries: readonly Entry[]) {
    this.#entries = entries;
    const name = document.querySelector("[data-palette-open]")?.getAttribute("aria-label") ?? "";
    this.#dialog.className = "palette";
    this.#dialog.setAttribute("aria-label", name);
    this.#input.type = "search";
    this.#input.placeholder = name;
    this.#list.id = "palette-list";
    this.#list.className = "palette-list";
    this.#list.setAttribute("role", "listbox");
    this.#list.setAttribute("aria-label", name);
    for (const [key, value] of [
      ["role", "combobox"],
      ["aria-label", name],
      ["aria-controls", "palette-list"],
      ["aria-expanded", "true"],
      ["autocomplete", "off"],
    ] as const) {
      this.#input.setAttribute(key, value);
    }
    this.#dialog.append(this.#input, this.#list);
    this.#input.addEventListener("input", () => this.#fill());
    this.#dialog.addEventListener("keydown", (event) => this.#press(event));
    document.body.append(this.#dialog);
  }

  open(): void {
    if (this.#dialog.open) return;
    this.#input.value = "";
    this.#fill();
    this.#dialog.showModal();
    this.#input.focus();
  }

  #fill(): void {
    this.#active = 0;
    const found = search(this.#entries, this.#input.value).slice(0, MOST);
    const isSearch = this.#input.value.trim() !== "";
    const items: HTMLElement[] = [];
    let group = "";
    found.forEach((entry, at) => {
      if (!isSearch && entry.group !== group) items.push(heading(entry.group));
      group = entry.group;
      items.push(option(entry, at, isSearch));
    });
    this.#list.replaceChildren(...items);
    this.#mark();
  }

  #press(event: KeyboardEvent): void {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const options = this.#options;
    if (by && options.length > 0) {
      event.preventDefault();
      this.#active = (this.#active + by + options.length) % options.length;
      this.#mark();
    } else if (event.key === "Enter") {
      event.preventDefault();
      options[this.#active]?.click();
    }
  }

  #mark(): void {
    this.#options.forEach((item, at) => {
      const isActive = at === this.#active;
      item.setAttribute("aria-selected", String(isActive));
      if (!isActive) return;
      item.scrollIntoView({ block: "nearest" });
      this.#input.setAttribute("aria-activedescendant", item.id);
    });
  }

  get #options(): HTMLElement[] {
    return Array.from(this.#list.querySelectorAll<HTMLElement>("[role=option]"));
  }
}

function heading(text: string): HTMLElement {
  const item = document.createElement("p");
  item.className = "palette-group";
  item.setAttribute("role", "presentation");
  item.textContent = text;
  return item;
}

function option({ label, url, group }: Entry, at: number, hasGroup: boolean): HTMLElement {
  const item = document.createElement("a");
  item.className = "menu-item";
  item.id = `palette-option-${at}`;
  item.href = url;
  item.tabIndex = -1;
  item.setAttribute("role", "option");
  item.append(label);
  if (hasGroup) {
    const hint = document.createElement("small");
    hint.textContent = group;
    item.append(hint);
  }
  return item;
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches("input, textarea, select");
}
