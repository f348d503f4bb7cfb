import { inParallel } from "./pool.ts";
import { closest } from "./preferences.ts";

const AT_ONCE = 4;
const TOO_MANY = 429;
const MOST_TRIES = 4;

/**
 * form[data-upload]: files by dialog or drop, sent one by one, four at a time.
 *
 * [data-upload-progress], [data-upload-status] and [data-upload-errors] inside it are
 * filled; when all is done the form gets an "upload-done" event with both counts.
 */
export function followUploads(): void {
  document.addEventListener("change", (event) => {
    const form = closest(event, "form[data-upload]");
    const input = event.target;
    if (!(form instanceof HTMLFormElement) || !(input instanceof HTMLInputElement)) return;
    if (input.type !== "file" || !input.files?.length) return;
    void upload(form, Array.from(input.files)).then(() => {
      input.value = "";
    });
  });
  for (const kind of ["dragover", "dragleave", "drop"] as const) {
    document.addEventListener(kind, (event) => drag(event));
  }
  document.addEventListener("submit", (event) => {
    const form = closest(event, "form[data-upload]");
    if (form) event.preventDefault();
  });
}

function drag(event: DragEvent): void {
  const form = closest(event, "form[data-upload]");
  if (!(form instanceof HTMLFormElement)) return;
  event.preventDefault();
  form.toggleAttribute("data-dragging", event.type === "dragover");
  if (event.type === "drop") void upload(form, Array.from(event.dataTransfer?.files ?? []));
}

async function upload(form: HTMLFormElement, files: readonly File[]): Promise<void> {
  if (files.length === 0 || form.hasAttribute("data-busy")) return;
  form.setAttribute("data-busy", "");
  const progress = new Progress(form, files);
  await inParallel(files, AT_ONCE, async (file) => {
    const error = await sendPatiently(form, file, (bytes) => progress.sent(file, bytes));
    progress.finished(file, error);
  });
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
    this.#find("[data-upload-errors]")?.replaceChildren();
    this.#show();
  }

  sent(file: File, bytes: number): void {
    this.#bytes.set(file, Math.min(bytes, file.size));
    this.#show();
  }

  finished(file: File, error: string | null): void {
    this.numDone += 1;
    this.#bytes.set(file, file.size);
    if (error !== null) {
      this.numFailed += 1;
      const item = document.createElement("li");
      item.textContent = `${file.name}: ${error}`;
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

interface Sent {
  readonly status: number;
  readonly error: string | null;
  readonly retryAfterS: number;
}

/** Send a file, again where the server asks for patience. */
async function sendPatiently(
  form: HTMLFormElement,
  file: File,
  onSent: (bytes: number) => void,
): Promise<string | null> {
  for (let attempt = 1; ; attempt++) {
    const { status, error, retryAfterS } = await send(form, file, onSent);
    const mayPass = status === 0 || status === TOO_MANY || status >= 502;
    if (!mayPass || attempt === MOST_TRIES) return error;
    await new Promise((resolve) => setTimeout(resolve, (retryAfterS || 2 ** attempt) * 1000));
  }
}

/** XMLHttpRequest and not fetch: only it tells how much of a body has been sent. */
function send(form: HTMLFormElement, file: File, onSent: (bytes: number) => void): Promise<Sent> {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const body = new FormData();
    const token = form.querySelector<HTMLInputElement>("[name=csrfmiddlewaretoken]")?.value ?? "";
    body.append("file", file);
    request.open("POST", form.action);
    request.setRequestHeader("X-CSRFToken", token);
    request.setRequestHeader("Accept", "application/json");
    request.upload.onprogress = ({ loaded }) => onSent(loaded);
    request.onloadend = () => {
      const isDone = request.status >= 200 && request.status < 300;
      resolve({
        status: request.status,
        error: isDone ? null : errorOf(request),
        retryAfterS: Number(request.getResponseHeader("Retry-After")),
      });
    };
    request.send(body);
  });
}

function errorOf(request: XMLHttpRequest): string {
  try {
    const body = JSON.parse(request.responseText) as {
      detail?: string;
      fields?: Record<string, string[]>;
    };
    return Object.values(body.fields ?? {}).flat()[0] ?? body.detail ?? `HTTP ${request.status}`;
  } catch {
    return request.status === 0 ? "network" : `HTTP ${request.status}`;
  }
}
