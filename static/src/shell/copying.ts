import { closest } from "./preferences.ts";
import { toast } from "./toasts.ts";

const COPIED = ".secret, pre.code, [data-copied]";

/** What is there to be carried elsewhere (keys, commands, addresses) has a button beside it. */
export function offerCopies(): void {
  const template = document.querySelector<HTMLTemplateElement>("template[data-copy]");
  for (const text of document.querySelectorAll(COPIED)) {
    const button = template?.content.firstElementChild?.cloneNode(true);
    if (!button || text.closest(".copying")) continue;
    const row = document.createElement(text.matches("span") ? "span" : "div");
    row.className = "copying";
    text.replaceWith(row);
    row.append(text, button);
  }
}

export function followCopies(): void {
  document.addEventListener("click", (event) => {
    const button = closest(event, "[data-copy-button]");
    const text = button?.previousElementSibling;
    if (!button || !text) return;
    const { done = "", failed = "" } = button.dataset;
    copy(text).then(
      () => toast(done, "success"),
      () => toast(failed, "warning"),
    );
  });
}

async function copy(text: Element): Promise<void> {
  const selection = getSelection();
  selection?.selectAllChildren(text);
  // Browsers give the clipboard itself to https and localhost alone.
  if (navigator.clipboard) await navigator.clipboard.writeText(text.textContent?.trim() ?? "");
  else if (!document.execCommand("copy")) throw new Error("the browser keeps its clipboard");
}
