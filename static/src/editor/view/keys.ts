/** A command of the editor: what a key, a button or the palette may ask for. */
export interface Command {
  readonly id: string;
  readonly group: "tools" | "objects" | "proposals" | "images" | "view";
  /** Default keys, as {@link chordOf} writes them. */
  readonly keys: readonly string[];
  readonly run: () => void;
}

const STORAGE_KEY = "editor-keys";

/** "Ctrl+Shift+Z": modifiers in this order, then the key; Ctrl is also Command on a Mac. */
export function chordOf(
  event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">,
): string {
  const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
  const name = key === " " ? "Space" : key;
  // Shift is part of "?" and "+" already; with letters and named keys it is a modifier.
  const hasShift = event.shiftKey && (name.length > 1 || /[A-Z0-9]/.test(name));
  return [
    event.ctrlKey || event.metaKey ? "Ctrl" : "",
    event.altKey ? "Alt" : "",
    hasShift ? "Shift" : "",
    name,
  ]
    .filter(Boolean)
    .join("+");
}

type Overrides = Readonly<Record<string, readonly string[]>>;

/** Which key does what: the defaults, and what this person has changed. */
export class Keymap {
  readonly #commands: ReadonlyMap<string, Command>;
  readonly #storage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  #overrides: Overrides;

  constructor(
    commands: readonly Command[],
    storage: Pick<Storage, "getItem" | "setItem" | "removeItem">,
  ) {
    this.#commands = new Map(commands.map((command) => [command.id, command]));
    this.#storage = storage;
    this.#overrides = readOverrides(storage);
  }

  get commands(): readonly Command[] {
    return Array.from(this.#commands.values());
  }

  keysOf(id: string): readonly string[] {
    return this.#overrides[id] ?? this.#commands.get(id)?.keys ?? [];
  }

  commandFor(chord: string): Command | null {
    return this.commands.find(({ id }) => this.keysOf(id).includes(chord)) ?? null;
  }

  /** Give a command one key of its own; the command that had it goes without. */
  assign(id: string, chord: string): void {
    const owner = this.commandFor(chord);
    const others = owner
      ? { [owner.id]: this.keysOf(owner.id).filter((key) => key !== chord) }
      : {};
    this.#overrides = { ...this.#overrides, ...others, [id]: [chord] };
    this.#storage.setItem(STORAGE_KEY, JSON.stringify(this.#overrides));
  }

  reset(): void {
    this.#overrides = {};
    this.#storage.removeItem(STORAGE_KEY);
  }
}

function readOverrides(storage: Pick<Storage, "getItem">): Overrides {
  try {
    const value: unknown = JSON.parse(storage.getItem(STORAGE_KEY) ?? "{}");
    return value !== null && typeof value === "object" ? (value as Overrides) : {};
  } catch {
    return {};
  }
}

/** Whether a key belongs to the field that has the focus and not to the editor. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement) return true;
  if (target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !["range", "checkbox"].includes(target.type);
}
