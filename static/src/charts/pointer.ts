import {
  inASentence,
  placeInWords,
  pointNear,
  type Reading,
  type Readout,
  readAt,
  stopNear,
  stopsOf,
  yInWords,
} from "./readout.ts";
import type { Scene } from "./scene.ts";
import type { Spec } from "./spec.ts";
import { element, seriesClass, swatchOf } from "./svg.ts";

export interface Shown {
  readonly spec: Spec;
  readonly scene: Scene;
  readonly hidden: ReadonlySet<string>;
  readonly language: string;
}

/** A point of the chart, by the numbers of its series and its place there. */
export interface Point {
  readonly series: number;
  readonly at: number;
}

const PAGE_SHARE = 0.1;

/**
 * Reads values off a chart under the pointer, or step by step with the arrow keys.
 *
 * For a screen reader the plot is a slider over its x axis whose value is a sentence.
 */
export class Pointer {
  readonly #plot: HTMLElement;
  readonly #box: HTMLElement;
  readonly #slider: HTMLElement;
  readonly #shown: () => Shown | null;
  readonly #marks = element("svg", { class: "chart-marks", "aria-hidden": "true" });
  #stops: Float64Array | null = null;
  #stop = -1;
  #read: readonly Reading[] = [];

  constructor(plot: HTMLElement, box: HTMLElement, slider: HTMLElement, shown: () => Shown | null) {
    [this.#plot, this.#box, this.#slider, this.#shown] = [plot, box, slider, shown];
    plot.append(this.#marks);
    plot.addEventListener("pointermove", (event) => this.#hover(event));
    plot.addEventListener("pointerdown", (event) => this.#hover(event));
    plot.addEventListener("pointerleave", () => this.#hide());
    plot.addEventListener("click", () => this.#open());
    slider.addEventListener("keydown", (event) => this.#key(event));
    slider.addEventListener("focus", () => this.#focus());
    slider.addEventListener("blur", () => this.#hide());
  }

  /** The chart was drawn anew: what was read may have moved. */
  refresh(): void {
    this.#stops = null;
    const last = Math.max(0, this.#stopsNow().length - 1);
    this.#slider.ariaValueMax = String(last);
    if (this.#stop >= 0 && !this.#box.hidden) this.#go(this.#stop);
  }

  #stopsNow(): Float64Array {
    const shown = this.#shown();
    this.#stops ??= shown ? stopsOf(shown.spec, shown.hidden) : new Float64Array();
    return this.#stops;
  }

  #hover(event: PointerEvent): void {
    const shown = this.#shown();
    if (!shown) return;
    const { left, top } = this.#plot.getBoundingClientRect();
    const place = { x: event.clientX - left, y: event.clientY - top };
    if (shown.spec.kind === "scatter") {
      const found = pointNear(shown.spec, shown.hidden, place, shown.scene);
      if (found) this.#show(shown, found);
      return;
    }
    const stops = this.#stopsNow();
    if (stops.length > 0) this.#go(stopNear(stops, place.x, shown.scene));
  }

  #focus(): void {
    if (!this.#slider.matches(":focus-visible")) return;
    this.#go(this.#stop >= 0 ? this.#stop : this.#stopsNow().length - 1);
  }

  #key(event: KeyboardEvent): void {
    const last = this.#stopsNow().length - 1;
    const small = Math.max(1, Math.round(last / Math.max(1, this.#plot.clientWidth)));
    const large = Math.max(small, Math.round(last * PAGE_SHARE));
    const at = Math.max(0, this.#stop);
    const targets: Readonly<Record<string, number>> = {
      ArrowLeft: at - small,
      ArrowDown: at - small,
      ArrowRight: at + small,
      ArrowUp: at + small,
      PageUp: at + large,
      PageDown: at - large,
      Home: 0,
      End: last,
    };
    if (event.key === "Escape") this.#hide();
    if (event.key === "Enter") this.#open();
    const target = targets[event.key];
    if (target === undefined) return;
    event.preventDefault();
    this.#go(target);
  }

  #go(stop: number): void {
    const shown = this.#shown();
    const stops = this.#stopsNow();
    if (!shown || stops.length === 0) return;
    this.#stop = Math.min(Math.max(0, stop), stops.length - 1);
    this.#show(shown, readAt(shown.spec, shown.hidden, stops[this.#stop] ?? Number.NaN));
  }

  #show(shown: Shown, readout: Readout): void {
    const { spec, scene, language } = shown;
    this.#read = readout.readings;
    const hasMore = readout.readings.some(({ behind }) => behind > 0);
    const hint = hasMore ? (this.#plot.dataset["textBehind"] ?? "") : "";
    this.#plot.toggleAttribute("data-has-behind", hasMore);
    this.#slider.ariaValueNow = String(Math.max(0, this.#stop));
    const sentence = inASentence(spec, readout, language);
    this.#slider.ariaValueText = hint ? `${sentence}. ${hint}` : sentence;
    this.#mark(scene, readout, spec.kind === "line");
    this.#fill(shown, readout, hint);
    this.#box.hidden = false;
    this.#place(scene.x.at(readout.x));
  }

  /** Ask the page for what stands behind the points that are read. */
  #open(): void {
    const detail: readonly Point[] = this.#read.filter(({ behind }) => behind > 0);
    if (detail.length === 0) return;
    this.#plot.dispatchEvent(new CustomEvent("chart-point", { bubbles: true, detail }));
  }

  #mark({ x, y, frame }: Scene, readout: Readout, hasLine: boolean): void {
    const at = x.at(readout.x);
    const line = element("path", { class: "axis", d: `M${at} ${frame.top}V${frame.bottom}` });
    const dots = readout.readings.map((reading) =>
      element("circle", {
        class: seriesClass(reading.series),
        cx: at,
        cy: y.at(reading.y),
        r: 4,
      }),
    );
    this.#marks.replaceChildren(...(hasLine ? [line, ...dots] : dots));
  }

  #fill({ spec, language }: Shown, { x, readings }: Readout, hint: string): void {
    const head = document.createElement("strong");
    head.textContent = placeInWords(spec, x, language);
    const rows = readings.map(({ series, name, y }) => {
      const row = document.createElement("span");
      const value = document.createElement("b");
      value.textContent = yInWords(spec, y, language);
      row.append(swatchOf(series), name, value);
      return row;
    });
    this.#box.replaceChildren(head, ...rows);
    if (!hint) return;
    const line = document.createElement("em");
    line.textContent = hint;
    this.#box.append(line);
  }

  /** Beside the place that is read, on the side with more room. */
  #place(at: number): void {
    const room = this.#plot.clientWidth;
    const { width } = this.#box.getBoundingClientRect();
    const left = at > room / 2 ? at - width - GAP : at + GAP;
    this.#box.style.left = `${Math.max(0, Math.min(left, room - width))}px`;
  }

  #hide(): void {
    this.#read = [];
    this.#plot.removeAttribute("data-has-behind");
    this.#box.hidden = true;
    this.#marks.replaceChildren();
  }
}

const GAP = 12;
