/** What a narrow page needs beyond its styles. */

/** The current tab may lie beyond the edge of its row: bring it to the middle. */
export function showCurrentTabs(): void {
  for (const tab of document.querySelectorAll(":is(.tabs, .segments) > [aria-current]")) {
    const row = tab.parentElement;
    if (!row || row.scrollWidth <= row.clientWidth) continue;
    const [inner, outer] = [tab.getBoundingClientRect(), row.getBoundingClientRect()];
    row.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2;
  }
}

/** A report's list of tools is cut off there: the current one stands in view. */
export function showCurrentTool(): void {
  for (const tool of document.querySelectorAll(".tool-list [aria-current]")) {
    const box = tool.closest("nav");
    if (!box || box.scrollHeight <= box.clientHeight) continue;
    const [inner, outer] = [tool.getBoundingClientRect(), box.getBoundingClientRect()];
    box.scrollTop += inner.top - outer.top - (outer.height - inner.height) / 2;
  }
}

/** Where a row becomes a paragraph its figures lose their heads: write them beside. */
export function nameFigures(): void {
  for (const table of document.querySelectorAll<HTMLTableElement>(".table-scroll > table")) {
    const heads = table.tHead?.rows[0]?.cells;
    if (!heads) continue;
    const cells = "tbody :is(.number, [data-named])";
    for (const cell of table.querySelectorAll<HTMLTableCellElement>(cells)) {
      const head = heads[cell.cellIndex];
      if (head && !head.querySelector(".unseen")) cell.dataset["label"] = head.textContent.trim();
    }
  }
}
