import type { Table } from "./rows.ts";

/** Put the numbers behind a chart into its table. */
export function filled(table: HTMLTableElement, { head, rows }: Table): void {
  const names = head.map((text) => cellOf(text, "th", "col"));
  table.tHead?.replaceChildren(rowOf(names));
  table.tBodies[0]?.replaceChildren(
    ...rows.map(([first = "", ...rest]) =>
      rowOf([cellOf(first, "th", "row"), ...rest.map((text) => cellOf(text, "td"))]),
    ),
  );
}

function cellOf(text: string, name: "th" | "td", scope = ""): HTMLElement {
  const cell = document.createElement(name);
  if (scope) cell.setAttribute("scope", scope);
  cell.textContent = text;
  return cell;
}

function rowOf(cells: readonly HTMLElement[]): HTMLTableRowElement {
  const row = document.createElement("tr");
  row.append(...cells);
  return row;
}
