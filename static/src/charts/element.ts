import { offer, pngOf } from "./files.ts";
import { type Point, Pointer } from "./pointer.ts";
import { csvOf, tableOf } from "./rows.ts";
import { composed, type Scene } from "./scene.ts";
import { indexOf, readSpec, type Spec } from "./spec.ts";
import { drawn, element, swatchOf } from "./svg.ts";
import { filled } from "./table.ts";

const MOST_ROWS = 200;

/**
 * <chart-figure>, made by {% chart %}: draws what its JSON says, or what its src answers.
 *
 * Everything it shows in words stands in its template, in the page's language.
 */
export class ChartFigure extends HTMLElement {
  #spec: Spec | null = null;
  #scene: Scene | null = null;
  readonly #hidden = new Set<string>();
  readonly #svg = element("svg", { "aria-hidden": "true" }) as SVGSVGElement;
  #pointer: Pointer | null = null;
  #resizes: ResizeObserver | null = null;
  #frame = 0;

  connectedCallback(): void {
    if (!this.#pointer) this.#equip();
    this.#resizes = new ResizeObserver(() => this.#draw());
    this.#resizes.observe(this.#part("plot"));
    if (this.#spec) return;
    const inline = this.querySelector<HTMLScriptElement>("script[type='application/json']");
    if (inline) this.#read(() => JSON.parse(inline.textContent));
    if (this.hasAttribute("src")) void this.reload();
  }

  disconnectedCallback(): void {
    this.#resizes?.disconnect();
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  /** Replace everything: the same JSON that the server would have sent. */
  show(raw: unknown): void {
    this.#spec = readSpec(raw);
    this.#say("");
    this.#legend(this.#spec);
    this.#later();
  }

  /** Ask the address in src again. */
  async reload(): Promise<void> {
    try {
      const text = await textAt(this.getAttribute("src") ?? "");
      this.#read(() => JSON.parse(text));
    } catch (error) {
      this.#broken(error);
    }
  }

  /** Add a point at the end of a series, which is made when it is new. */
  push(name: string, x: number | string, y: number): void {
    this.pushAll(name, [x], [y]);
  }

  pushAll(name: string, xs: readonly (number | string)[], ys: readonly number[]): void {
    const spec = this.#spec;
    if (!spec) throw new Error("not shown");
    let series = spec.series.find((one) => one.name === name);
    if (!series) {
      series = { name, x: [], y: [], behind: [] };
      spec.series.push(series);
      this.#legend(spec);
    }
    xs.forEach((x, at) => {
      series.x.push(typeof x === "string" ? indexOf(x, spec.categories) : x);
      series.y.push(ys[at] ?? Number.NaN);
    });
    this.#later();
  }

  #equip(): void {
    const plot = this.#part("plot");
    plot.append(this.#svg);
    this.#pointer = new Pointer(plot, this.#part("readout"), this.#part("slider"), () =>
      this.#spec && this.#scene
        ? { spec: this.#spec, scene: this.#scene, hidden: this.#hidden, language: this.#language }
        : null,
    );
    this.#part("csv").addEventListener("click", () => this.#offerCsv());
    this.#part("png").addEventListener("click", () => void this.#offerPng());
    this.addEventListener("chart-point", (event) => {
      void this.#showBehind((event as CustomEvent<readonly Point[]>).detail);
    });
    this.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") this.querySelector<HTMLElement>("[data-chart='close']")?.click();
    });
    const fold = this.querySelector("details");
    fold?.addEventListener("toggle", () => fold.open && this.#fillTable());
  }

  get #language(): string {
    return this.closest("[lang]")?.getAttribute("lang") || "en";
  }

  #part(name: string): HTMLElement {
    const found = this.querySelector<HTMLElement>(`[data-chart="${name}"]`);
    if (!found) throw new Error(`${name} is missing`);
    return found;
  }

  #read(source: () => unknown): void {
    try {
      this.show(source());
    } catch (error) {
      this.#broken(error);
    }
  }

  #broken(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#say(`${this.dataset["textBroken"] ?? ""} ${reason}`);
  }

  #say(text: string): void {
    const message = this.#part("message");
    message.textContent = text;
    message.hidden = text === "";
  }

  #later(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw(): void {
    const spec = this.#spec;
    if (!spec) return;
    const { clientWidth: width, clientHeight: height } = this.#part("plot");
    const em = Number.parseFloat(getComputedStyle(this.#svg).fontSize);
    const size = { width, height, em };
    if (width === 0) return;
    this.#scene = composed(spec, { size, language: this.#language, hidden: this.#hidden });
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    if (this.#scene) drawn(this.#svg, this.#scene);
    else this.#svg.replaceChildren();
    this.#say(this.#scene ? "" : (this.dataset["textEmpty"] ?? ""));
    this.#pointer?.refresh();
    if (this.querySelector("details")?.open) this.#fillTable();
  }

  #legend(spec: Spec): void {
    const list = this.#part("legend");
    list.hidden = spec.series.length < 2;
    list.replaceChildren(...spec.series.map(({ name }, number) => this.#entry(name, number)));
  }

  #entry(name: string, number: number): HTMLLIElement {
    const button = document.createElement("button");
    button.type = "button";
    button.ariaPressed = String(!this.#hidden.has(name));
    button.append(swatchOf(number), name);
    button.addEventListener("click", () => {
      if (!this.#hidden.delete(name)) this.#hidden.add(name);
      button.ariaPressed = String(!this.#hidden.has(name));
      this.#draw();
    });
    const item = document.createElement("li");
    item.append(button);
    return item;
  }

  /** Fetch the fragment of what stands behind some points; it comes from this page's server. */
  async #showBehind(points: readonly Point[]): Promise<void> {
    const box = this.querySelector<HTMLElement>("[data-chart='behind']");
    const address = box?.dataset["src"];
    if (!box || !address) return;
    const query = points.map(({ series, at }) => `point=${series}.${at}`).join("&");
    try {
      const text = await textAt(`${address}&${query}`);
      const { body } = new DOMParser().parseFromString(text, "text/html");
      box.replaceChildren(...body.childNodes);
      box.hidden = false;
      this.#part("close").addEventListener("click", () => {
        box.hidden = true;
        this.#part("slider").focus();
      });
      box.scrollIntoView({ block: "nearest" });
    } catch (error) {
      this.#broken(error);
    }
  }

  #fillTable(): void {
    if (!this.#spec) return;
    const table = tableOf(this.#spec, this.#language, MOST_ROWS);
    filled(this.#part("table") as HTMLTableElement, table);
    this.#part("partial").hidden = table.rows.length === table.numRows;
  }

  #offerCsv(): void {
    if (!this.#spec) return;
    // The mark tells spreadsheets that the letters are UTF-8.
    const file = new Blob(["\ufeff", csvOf(this.#spec)], { type: "text/csv" });
    offer(file, this.#spec.title, "csv");
  }

  async #offerPng(): Promise<void> {
    if (this.#spec) offer(await pngOf(this.#svg, this.#spec.title), this.#spec.title, "png");
  }
}

async function textAt(address: string): Promise<string> {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.text();
}
