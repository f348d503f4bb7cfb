import { askedOf } from "./asked.ts";
import { setAttribute } from "./commands.ts";
import type { Shape } from "./document.ts";
import type { Attribute, Workbench } from "./workbench.ts";

export interface Stop {
  readonly shape: Shape;
  readonly attribute: Attribute;
  /** Its place among all stops, from 1. */
  readonly number: number;
  readonly count: number;
}

/**
 * Attribute after attribute, object after object: the fast way to say what is to be said.
 *
 * All objects get their first attribute before any gets its second, so that one question
 * is on one's mind at a time. Objects that come and go while it runs are followed.
 */
export class Walk {
  readonly #bench: Workbench;
  #at = 0;

  constructor(bench: Workbench) {
    this.#bench = bench;
    const stops = this.#stops();
    const open = stops.findIndex(([shape, { name }]) => shape.attributes[name] === undefined);
    this.#at = Math.max(open, 0);
    this.#select();
  }

  get stop(): Stop | null {
    const stops = this.#stops();
    const found = stops[this.#at];
    if (!found) return null;
    const [shape, attribute] = found;
    return { shape, attribute, number: this.#at + 1, count: stops.length };
  }

  /** Go on or back; false at either end. */
  go(by: 1 | -1): boolean {
    const next = this.#at + by;
    if (next < 0 || next >= this.#stops().length) return false;
    this.#at = next;
    this.#select();
    return true;
  }

  /** Say the option of that number, from 0, and go on; false where it has none. */
  choose(option: number): boolean {
    const stop = this.stop;
    const value = stop && optionsOf(stop.attribute)[option];
    if (!stop || value === undefined) return false;
    this.say(value);
    return true;
  }

  say(value: unknown): void {
    const stop = this.stop;
    if (!stop) return;
    setAttribute(this.#bench, stop.attribute.name, value);
    this.go(1);
  }

  #select(): void {
    const stop = this.stop;
    if (stop) this.#bench.select([stop.shape.id]);
  }

  #stops(): (readonly [Shape, Attribute])[] {
    const shapes = Array.from(this.#bench.doc.values()).filter(
      ({ id }) => !this.#bench.isHidden(id) && !this.#bench.isLocked(id),
    );
    const asked = shapes.map((shape) => askedOf(this.#bench.labelOf(shape), shape.attributes));
    const most = Math.max(0, ...asked.map(({ length }) => length));
    return Array.from({ length: most }, (_, turn) =>
      shapes.flatMap((shape, index) => {
        const attribute = asked[index]?.[turn];
        return attribute ? [[shape, attribute] as const] : [];
      }),
    ).flat();
  }
}

/** What keys may choose from. */
export function optionsOf({ kind, options }: Attribute): readonly unknown[] {
  return kind === "checkbox" ? [true, false] : kind === "select" ? (options ?? []) : [];
}
