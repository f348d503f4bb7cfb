import { chosen, dropped, type Found } from "./dropped.ts";
import { inParallel } from "./pool.ts";
import { alreadyThere, portions, sendPatiently } from "./sending.ts";

const AT_ONCE = 4;

/**
 * form[data-upload]: files by dialog or drop, sent one by one, four at a time.
 *
 * What the project has already is not sent again, so an upload that broke off goes on
 * where it was; while there is no connection it waits. [data-upload-progress],
 * [data-upload-status] and [data-upload-errors] inside the form are filled; when all is
 * done it gets an "upload-done" event with both counts.
 */
addEventListener("beforeunload", (event) => {
  if (document.querySelector("form[data-upload][data-busy]")) event.preventDefault();
});
document.addEventListener("change", (event) => {
  const form = formOf(event);
  const input = event.target;
  if (!form || !(input instanceof HTMLInputElement)) return;
  if (input.type !== "file" || !input.files?.length) return;
  enqueue(form, chosen(input.files));
  input.value = "";
});
for (const kind of ["dragover", "dragleave", "drop"] as const) {
  document.addEventListener(kind, (event) => drag(event));
}
document.addEventListener("submit", (event) => {
  if (formOf(event)) event.preventDefault();
});

function formOf(event: Event): HTMLFormElement | null {
  const target = event.target instanceof Element ? event.target : null;
  return target?.closest<HTMLFormElement>("form[data-upload]") ?? null;
}

function drag(event: DragEvent): void {
  const form = formOf(event);
  if (!form) return;
  event.preventDefault();
  form.toggleAttribute("data-dragging", event.type === "dragover");
  if (event.type === "drop") void dropped(event.dataTransfer).then((found) => enqueue(form, found));
}

let last: Promise<void> = Promise.resolve();

/** What is dropped while an upload runs follows it. */
function enqueue(form: HTMLFormElement, found: readonly Found[]): void {
  if (found.length === 0) return;
  if (!form.hasAttribute("data-busy")) {
    form.querySelector("[data-upload-errors]")?.replaceChildren();
  }
  last = last.then(() => upload(form, found));
}

async function upload(form: HTMLFormElement, found: readonly Found[]): Promise<void> {
  form.setAttribute("data-busy", "");
  const progress = new Progress(
    form,
    found.map(({ file }) => file),
  );
  for (const portion of portions(found)) {
    const there = await alreadyThere(form, portion);
    await inParallel(portion, AT_ONCE, async (one) => {
      const error = there.has(one) ? null : await sendPatiently(form, one, progress);
      progress.finished(one, error);
    });
  }
  form.removeAttribute("data-busy");
  const detail = { numDone: progress.numDone - progress.numFailed, numFailed: progress.numFailed };
  form.dispatchEvent(new CustomEvent("upload-done", { detail, bubbles: true }));
}

class Progress {
  numDone = 0;
  numFailed = 0;
  readonly #form: HTMLFormElement;
  readonly #files: readonly File[];
  readonly #bytes = new Map<File, number>();
  readonly #numBytes: number;

  constructor(form: HTMLFormElement, files: readonly File[]) {
    this.#form = form;
    this.#files = files;
    this.#numBytes = files.reduce((sum, { size }) => sum + size, 0);
    this.#show();
  }

  sent({ file }: Found, bytes: number): void {
    this.#bytes.set(file, Math.min(bytes, file.size));
    this.#show();
  }

  /** Say that there is no connection, until something is sent again. */
  waits(): void {
    const status = this.#find("[data-upload-status]");
    if (status) status.textContent = this.#form.dataset.waiting ?? "";
  }

  finished({ file, path }: Found, error: string | null): void {
    this.numDone += 1;
    this.#bytes.set(file, file.size);
    if (error !== null) {
      this.numFailed += 1;
      const item = document.createElement("li");
      item.textContent = `${path}: ${error}`;
      this.#find("[data-upload-errors]")?.append(item);
    }
    this.#show();
  }

  #show(): void {
    const bar = this.#form.querySelector<HTMLProgressElement>("[data-upload-progress]");
    const sent = Array.from(this.#bytes.values()).reduce((sum, bytes) => sum + bytes, 0);
    if (bar) {
      bar.max = Math.max(this.#numBytes, 1);
      bar.value = sent;
      bar.hidden = this.numDone === this.#files.length;
    }
    const status = this.#find("[data-upload-status]");
    if (status) status.textContent = `${this.numDone - this.numFailed} / ${this.#files.length}`;
  }

  #find(selector: string): HTMLElement | null {
    return this.#form.querySelector<HTMLElement>(selector);
  }
}
