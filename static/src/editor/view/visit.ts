import type { Step } from "../core/editor.ts";
import { fitting } from "../core/history.ts";
import type { Workbench } from "../core/workbench.ts";
import type { Journal } from "../sync/journal.ts";

const REST_MS = 300;
/** Steps that are kept over a reload; within a visit there is no limit. */
const MOST_STEPS = 500;

interface Kept {
  readonly done: readonly Step[];
  readonly undone: readonly Step[];
  readonly dismissed: readonly string[];
}

/** What a person has done to an image but the server need not know: undo, rejections. */
export async function keepVisit(
  bench: Workbench,
  journal: Journal,
  imageId: number,
): Promise<void> {
  const name = `visit-${imageId}`;
  const kept = (await journal.recall(name).catch(() => undefined)) as Kept | undefined;
  if (kept && !bench.editor.isOpen && !bench.editor.nextUndo) {
    const { done, undone } = fitting(bench.doc, kept);
    bench.editor.restoreHistory(done, undone);
    bench.proposals.dismiss(kept.dismissed);
  }
  let timer: ReturnType<typeof setTimeout> | undefined;
  const save = () => {
    const { done, undone } = bench.editor.history;
    const dismissed = Array.from(bench.proposals.dismissed);
    const visit: Kept = {
      done: done.slice(-MOST_STEPS),
      undone: undone.slice(-MOST_STEPS),
      dismissed,
    };
    // It is a comfort and no data: where it cannot be kept, work goes on without.
    journal.keep(name, visit).catch(() => {});
  };
  const saveSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(save, REST_MS);
  };
  bench.editor.subscribe(({ cause }) => {
    if (cause !== "preview") saveSoon();
  });
  bench.subscribe((topic) => {
    if (topic === "proposals") saveSoon();
  });
}
