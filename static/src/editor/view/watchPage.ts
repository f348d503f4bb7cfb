import type { Keymap } from "./keys.ts";
import type { Stage } from "./stage.ts";

export interface PageHost {
  readonly keymap: Keymap;
  readonly stage: Stage;
  /** The network or the session may be back. */
  retry(): void;
  /** The person has gone back or forward in the browser's history. */
  open(imageId: number): void;
  /** Whether leaving now would lose something. */
  isLeavingUnsafe(): boolean;
}

/** What happens to the page as a whole: its network, its history, its buttons. */
export function watchPage(host: PageHost): void {
  window.addEventListener("online", () => host.retry());
  window.addEventListener("focus", () => host.retry());
  window.addEventListener("popstate", () => {
    const id = /\/labeling\/images\/(\d+)\//.exec(location.pathname)?.[1];
    if (id) host.open(Number(id));
  });
  window.addEventListener("beforeunload", (event) => {
    if (host.isLeavingUnsafe()) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const target = event.target as Element;
    // After a click of the mouse the next key is meant for the image: Space must pan and
    // not press the same button again.
    if (event.detail > 0 && target.closest(".editor button")) {
      host.stage.root.focus({ preventScroll: true });
    }
    const id = target.closest<HTMLElement>("[data-command]")?.dataset["command"];
    host.keymap.commands.find((command) => command.id === id)?.run();
  });
}
