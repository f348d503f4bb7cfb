import type { DocumentWire } from "../../core/wire.ts";
import { element, find } from "../dom.ts";
import { idle } from "../idle.ts";

const NUM_BEFORE = 2;
const NUM_AFTER = 4;

/** The images around this one, found by walking from neighbour to neighbour. */
export class Strip {
  readonly #list = find("[data-strip]", HTMLElement);
  readonly #read: (id: number) => Promise<DocumentWire | null>;
  #shown = 0;

  /** @param read a document, from memory where it has been read before. */
  constructor(read: (id: number) => Promise<DocumentWire | null>, open: (id: number) => void) {
    this.#read = read;
    this.#list.addEventListener("click", (event) => {
      const link = (event.target as Element).closest<HTMLElement>("[data-image]");
      if (!link || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      open(Number(link.dataset["image"]));
    });
  }

  async show(current: DocumentWire): Promise<void> {
    this.#shown = current.image.id;
    const before: DocumentWire[] = [];
    const after: DocumentWire[] = [];
    const paint = () => {
      if (this.#shown !== current.image.id) return;
      this.#paint([...before.toReversed(), current, ...after], current.image.id);
    };
    paint();
    const { id } = current.image;
    await this.#walk(id, current.next_id, NUM_AFTER, (one) => one.next_id, after, paint);
    await this.#walk(id, current.previous_id, NUM_BEFORE, (one) => one.previous_id, before, paint);
  }

  async #walk(
    current: number,
    from: number | null,
    count: number,
    onwards: (one: DocumentWire) => number | null,
    found: DocumentWire[],
    paint: () => void,
  ): Promise<void> {
    for (let id = from; id !== null && found.length < count; ) {
      await idle(); // a neighbour may hold as many shapes as the image that is waited for
      if (this.#shown !== current) return;
      const one = await this.#read(id);
      if (!one) return;
      found.push(one);
      paint();
      id = onwards(one);
    }
  }

  #paint(documents: readonly DocumentWire[], current: number): void {
    const items = documents.map(({ image }) => {
      const picture = element("img", {
        src: image.thumbnail_url,
        alt: "",
        loading: "lazy",
        draggable: "false",
      });
      const link = element(
        "a",
        {
          href: `/labeling/images/${image.id}/`,
          title: image.name,
          "aria-label": `${image.index} ${image.name}`,
          "data-image": String(image.id),
          "data-state": image.state,
          ...(image.id === current && { "aria-current": "page" }),
        },
        picture,
        element("span", {}, String(image.index)),
      );
      return element("li", {}, link);
    });
    this.#list.replaceChildren(...items);
    this.#list
      .querySelector("[aria-current]")
      ?.scrollIntoView({ block: "nearest", inline: "center" });
  }
}
