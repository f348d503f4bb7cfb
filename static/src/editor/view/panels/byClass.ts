import { acceptAllProposals, rejectAllProposals } from "../../core/commands.ts";
import type { Workbench } from "../../core/workbench.ts";
import { element, icon } from "../dom.ts";
import type { Words } from "../messages.ts";

/** One row a label that has open proposals: how many, accept them, reject them. */
export function showByClass(root: HTMLElement, bench: Workbench, words: Words): void {
  const { open } = bench.proposals;
  const rows = bench.labels
    .map((label) => ({ label, num: open.filter(({ labelId }) => labelId === label.id).length }))
    .filter(({ num }) => num > 0);
  root.hidden = rows.length < 2;
  const items = rows.map(({ label, num }) => {
    const swatch = element("span", { class: "editor-swatch" });
    swatch.style.background = label.color;
    const act = (name: string, picture: string, run: () => void) => {
      const title = words(name, { label: label.name });
      const button = element("button", { type: "button", title, "aria-label": title });
      button.append(icon(picture));
      button.addEventListener("click", () => {
        if (!bench.editor.isOpen) run();
      });
      return button;
    };
    return element(
      "li",
      {},
      swatch,
      element("span", {}, label.name),
      element("output", {}, String(num)),
      act("acceptClass", "check", () => acceptAllProposals(bench, label.id)),
      act("rejectClass", "close", () => rejectAllProposals(bench, label.id)),
    );
  });
  root.replaceChildren(...items);
}
