import { closest } from "./preferences.ts";

export type Level = "info" | "success" | "warning" | "error";

const STAY_MS = 6000;

/** Say something in passing. Errors stay until they are closed. */
export function toast(text: string, level: Level = "info"): void {
  const template = document.querySelector<HTMLTemplateElement>("template[data-toast]");
  const box = document.querySelector(".toasts");
  const item = template?.content.firstElementChild?.cloneNode(true);
  if (!box || !(item instanceof HTMLElement)) return;
  item.dataset["level"] = level;
  const slot = item.querySelector("[data-toast-text]");
  if (slot) slot.textContent = text;
  box.append(item);
  if (level !== "error") setTimeout(() => item.remove(), STAY_MS);
}

/** Close buttons, and toasts that any script asks for by a "toast" event on the document. */
export function followToasts(): void {
  document.addEventListener("click", (event) => {
    if (closest(event, "[data-toast-close]")) closest(event, ".toast")?.remove();
  });
  document.addEventListener("toast", (event) => {
    const { text, level } = (event as CustomEvent<{ text: string; level?: Level }>).detail;
    toast(text, level);
  });
  for (const item of document.querySelectorAll<HTMLElement>(".toasts .toast")) {
    if (item.dataset["level"] !== "error") setTimeout(() => item.remove(), STAY_MS);
  }
}
