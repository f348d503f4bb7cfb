const YEAR_S = 365 * 24 * 3600;

/** A choice that the server must know to draw the first picture of a page right. */
export function keepCookie(name: string, value: string): void {
  const secure = location.protocol === "https:" ? "; secure" : "";
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not on plain http
  document.cookie = `${name}=${value}; path=/; max-age=${YEAR_S}; samesite=lax${secure}`;
}

const THEMES: readonly string[] = ["system", "light", "dark"];

export function followTheme(): void {
  document.addEventListener("click", (event) => {
    if (!closest(event, "[data-theme-toggle]")) return;
    const { dataset } = document.documentElement;
    const at = THEMES.indexOf(dataset["theme"] ?? "system");
    const next = THEMES[(at + 1) % THEMES.length] ?? "system";
    dataset["theme"] = next;
    keepCookie("theme", next);
  });
}

export function followRail(): void {
  document.addEventListener("click", (event) => {
    if (!closest(event, "[data-rail-toggle]")) return;
    const { dataset } = document.documentElement;
    const next = dataset["rail"] === "folded" ? "open" : "folded";
    dataset["rail"] = next;
    keepCookie("rail", next);
  });
}

export function closest(event: Event, selector: string): HTMLElement | null {
  return event.target instanceof Element ? event.target.closest<HTMLElement>(selector) : null;
}
