import type { Label, Line, Scene } from "./scene.ts";

const SVG = "http://www.w3.org/2000/svg";
const NUM_COLOURS = 4;

/** Draw a scene; colours come from the page's styles, by class. */
export function drawn(svg: SVGSVGElement, scene: Scene): void {
  const { left, top, right, bottom } = scene.frame;
  const [x, y, width] = [left, top - ROOM, Math.max(0, right - left)];
  const height = Math.max(0, bottom - y + ROOM);
  const viewBox = `${x} ${y} ${width} ${height}`;
  const inside = element("svg", { x, y, width, height, viewBox });
  inside.append(...scene.lines.map(pathOf));
  svg.replaceChildren(...scene.behind.map(pathOf), inside, ...scene.labels.map(textOf));
}

/** Lines on the very edge of the frame keep their whole width. */
const ROOM = 3;

export function seriesClass(number: number): string {
  const dash = Math.floor(number / NUM_COLOURS) % NUM_DASHES;
  return `series series-${(number % NUM_COLOURS) + 1}${dash ? ` dashed-${dash}` : ""}`;
}

const NUM_DASHES = 3;

export function element(name: string, attributes: Record<string, string | number>): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

/** A stroke in a series' colour, to stand before its name. */
export function swatchOf(series: number): SVGElement {
  const swatch = element("svg", { viewBox: "0 0 18 8", class: "chart-swatch" });
  swatch.append(element("path", { class: `line ${seriesClass(series)}`, d: "M1 4H17" }));
  return swatch;
}

function pathOf({ role, d, series }: Line): SVGElement {
  const part = series === undefined ? role : `${role} ${seriesClass(series)}`;
  return element("path", { class: part, d });
}

function textOf({ x, y, text, anchor }: Label): SVGElement {
  const made = element("text", { x, y, "text-anchor": anchor });
  made.textContent = text;
  return made;
}
