import { closest } from "./preferences.ts";

/** [data-dialog-open="id"] opens a dialog; a click beside it or [data-dialog-close] closes it. */
export function followDialogs(): void {
  document.addEventListener("click", (event) => {
    const opener = closest(event, "[data-dialog-open]");
    const named = opener && document.getElementById(opener.dataset["dialogOpen"] ?? "");
    if (named instanceof HTMLDialogElement && !named.open) named.showModal();
    const dialog = closest(event, "dialog");
    const isBeside = event.target === dialog;
    if (
      dialog instanceof HTMLDialogElement &&
      (isBeside || closest(event, "[data-dialog-close]"))
    ) {
      dialog.close();
    }
  });
}
