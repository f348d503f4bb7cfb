/** One place or action that the palette can go to. */
export interface Entry {
  readonly group: string;
  readonly label: string;
  readonly url: string;
}

/**
 * How well a text answers a query: the letters of the query in order, better where they
 * stand together and at the beginnings of words. Null where they do not all occur.
 */
export function score(query: string, text: string): number | null {
  const [wanted, given] = [query.toLowerCase().replaceAll(" ", ""), text.toLowerCase()];
  let total = 0;
  let last = -1;
  for (const letter of wanted) {
    const at = given.indexOf(letter, last + 1);
    if (at < 0) return null;
    const isNext = at === last + 1;
    const startsWord = at === 0 || !/[\p{L}\p{N}]/u.test(given[at - 1] ?? "");
    total += (isNext ? 3 : 0) + (startsWord ? 2 : 0) - Math.min(at - last - 1, 10) / 10;
    last = at;
  }
  return total - given.length / 1000;
}

/** The entries that answer a query, best first; all of them for an empty one. */
export function search(entries: readonly Entry[], query: string): Entry[] {
  if (query.trim() === "") return [...entries];
  return entries
    .map((entry) => ({ entry, points: score(query, entry.label) }))
    .filter((hit): hit is { entry: Entry; points: number } => hit.points !== null)
    .sort((a, b) => b.points - a.points)
    .map(({ entry }) => entry);
}
