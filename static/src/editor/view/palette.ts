import type { Label } from "../core/workbench.ts";

/** The interface's colours, as a canvas needs them. */
export interface Palette {
  readonly accent: string;
  readonly ink: string;
  readonly paper: string;
  readonly font: string;
  label(id: number): string;
}

/** @param onChange called when the theme changes, with colours read anew. */
export function watchPalette(
  root: HTMLElement,
  labels: readonly Label[],
  onChange: (palette: Palette) => void,
): () => void {
  const tell = () => onChange(readPalette(root, labels));
  const system = matchMedia("(prefers-color-scheme: dark)");
  const observer = new MutationObserver(tell);
  observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  system.addEventListener("change", tell);
  tell();
  return () => {
    observer.disconnect();
    system.removeEventListener("change", tell);
  };
}

function readPalette(root: HTMLElement, labels: readonly Label[]): Palette {
  const colors = new Map(labels.map(({ id, color }) => [id, color]));
  const accent = resolved(root, "var(--accent)");
  return {
    accent,
    ink: resolved(root, "var(--ink)"),
    paper: resolved(root, "var(--paper)"),
    font: getComputedStyle(root).fontFamily,
    label: (id) => colors.get(id) ?? accent,
  };
}

/** A canvas knows neither custom properties nor light-dark(); the style engine does. */
function resolved(root: HTMLElement, color: string): string {
  const probe = document.createElement("span");
  probe.style.color = color;
  root.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/** Black or white, whichever reads better on a label's colour. */
export function inkOn(color: string): "black" | "white" {
  const match = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(color);
  if (!match) return "white";
  const [r = 0, g = 0, b = 0] = match
    .slice(1)
    .map((part) => (Number.parseInt(part, 16) / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "black" : "white";
}
