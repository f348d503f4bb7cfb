import type { Found } from "./dropped.ts";

const TOO_MANY = 429;
const MOST_TRIES = 4;
const MOST_FILES = 100;
const MOST_BYTES = 256 * 2 ** 20;
const OFFLINE_PAUSE_S = 3;

interface Sent {
  readonly status: number;
  readonly error: string | null;
  readonly retryAfterS: number;
}

/** Told how a file gets on. */
interface Listener {
  sent(found: Found, bytes: number): void;
  waits(): void;
}

/** Files in portions that are hashed within about a second before any of them is sent. */
export function* portions(found: readonly Found[]): Generator<Found[]> {
  let portion: Found[] = [];
  let bytes = 0;
  for (const one of found) {
    if (portion.length === MOST_FILES || (bytes > 0 && bytes + one.file.size > MOST_BYTES)) {
      yield portion;
      portion = [];
      bytes = 0;
    }
    portion.push(one);
    bytes += one.file.size;
  }
  if (portion.length > 0) yield portion;
}

/** Those whose bytes the project has; none where this browser or the server does not say. */
export async function alreadyThere(
  form: HTMLFormElement,
  portion: readonly Found[],
): Promise<Set<Found>> {
  // Over plain HTTP from elsewhere a browser hashes nothing: all is sent, and kept once.
  if (!globalThis.crypto?.subtle) return new Set();
  const bySha256 = new Map<Found, string>();
  for (const one of portion) {
    try {
      bySha256.set(one, await sha256(one.file));
    } catch {
      // It cannot be read: sending it says so.
    }
  }
  const known = new Set((await ask(form, [...bySha256.values()])) ?? []);
  return new Set(portion.filter((one) => known.has(bySha256.get(one) ?? "")));
}

async function sha256(file: File): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Which of these the project has; null where no answer came. */
async function ask(form: HTMLFormElement, hashes: readonly string[]): Promise<string[] | null> {
  try {
    const answer = await fetch(`${form.action}known/`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": tokenOf(form) },
      body: JSON.stringify({ sha256: hashes }),
    });
    if (!answer.ok) return [];
    const { images } = (await answer.json()) as { images: { sha256: string }[] };
    return images.map((image) => image.sha256);
  } catch {
    return null;
  }
}

/** Send a file, again where the server asks for patience or the connection is gone. */
export async function sendPatiently(
  form: HTMLFormElement,
  found: Found,
  listener: Listener,
): Promise<string | null> {
  for (let attempt = 1; ; attempt++) {
    const { status, error, retryAfterS } = await send(form, found, listener);
    const mayPass = status === 0 || status === TOO_MANY || status >= 502;
    if (!mayPass || attempt === MOST_TRIES) return error;
    await pause(retryAfterS || 2 ** attempt);
    if (status !== 0) continue;
    while ((await ask(form, [])) === null) {
      listener.waits();
      await pause(OFFLINE_PAUSE_S);
    }
  }
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

function tokenOf(form: HTMLFormElement): string {
  return form.querySelector<HTMLInputElement>("[name=csrfmiddlewaretoken]")?.value ?? "";
}

/** XMLHttpRequest and not fetch: only it tells how much of a body has been sent. */
function send(form: HTMLFormElement, found: Found, listener: Listener): Promise<Sent> {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const body = new FormData();
    body.append("file", found.file);
    body.append("path", found.path);
    request.open("POST", form.action);
    request.setRequestHeader("X-CSRFToken", tokenOf(form));
    request.setRequestHeader("Accept", "application/json");
    request.upload.onprogress = ({ loaded }) => listener.sent(found, loaded);
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
