import type { Label, Line, Scene } from "./scene.ts";

const SVG = "http://www.w3.org/2000/svg";
const NUM_COLOURS = 4;

/** Draw a scene; colours come from the page's styles, by class. */
export function drawn(svg: SVGSVGElement, scene: Scene): void {
  const { frame } = scene;
  const inside = element("svg", {
    x: frame.left,
    y: frame.top - ROOM,
    width: Math.max(0, frame.right - frame.left),
    height: Math.max(0, frame.bottom - frame.top + 2 * ROOM),
    viewBox: `${frame.left} ${frame.top - ROOM} ${frame.right - frame.left} ${
      frame.bottom - frame.top + 2 * ROOM
    }`,
  });
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

function pathOf({ role, d, series }: Line): SVGElement {
  const part = series === undefined ? role : `${role} ${seriesClass(series)}`;
  return element("path", { class: part, d });
}

function textOf({ x, y, text, anchor }: Label): SVGElement {
  const made = element("text", { x, y, "text-anchor": anchor });
  made.textContent = text;
  return made;
}
