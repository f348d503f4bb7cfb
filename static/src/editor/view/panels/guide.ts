import { find } from "../dom.ts";

/** Show what the project's manager asks of annotators, or put it away. */
export function toggleGuide(text: string): void {
  const dialog = find("#editor-guide", HTMLDialogElement);
  find("[data-guide-text]", HTMLElement, dialog).textContent = text;
  if (dialog.open) dialog.close();
  else dialog.showModal();
}
