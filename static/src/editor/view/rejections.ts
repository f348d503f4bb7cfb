import type { Workbench } from "../core/workbench.ts";

const REST_MS = 500;
const RETRY_MS = 5000;

/**
 * Tell the server what a person has rejected, so that the next one is not asked again.
 *
 * Rejections are kept on this device with the visit; what did not get through is told when
 * the image is opened again. Telling twice is telling once.
 *
 * @param told what the server knows already.
 */
export function tellRejections(
  bench: Workbench,
  told: Set<string>,
  send: (ids: readonly string[]) => Promise<boolean>,
): void {
  const known = new Set(bench.proposals.all.map(({ id }) => id));
  let timer: ReturnType<typeof setTimeout> | undefined;
  const later = (ms: number) => {
    clearTimeout(timer);
    timer = setTimeout(() => void tell(), ms);
  };
  const news = () =>
    Array.from(bench.proposals.dismissed).filter((id) => known.has(id) && !told.has(id));
  const tell = async () => {
    const ids = news();
    if (ids.length === 0) return;
    if (await send(ids)) for (const id of ids) told.add(id);
    else later(RETRY_MS);
  };
  bench.subscribe((topic) => {
    if (topic === "proposals" && news().length > 0) later(REST_MS);
  });
  if (news().length > 0) later(REST_MS);
}
