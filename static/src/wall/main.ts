import type { Calibration } from "../editor/core/calibration.ts";
import type { Label } from "../editor/core/workbench.ts";
import { readCookie } from "../editor/sync/http.ts";
import { find } from "../editor/view/dom.ts";
import { readWords } from "../editor/view/messages.ts";
import { newUuid } from "../editor/view/uuid.ts";
import type { Batch } from "./feed.ts";
import type { Decision } from "./page.ts";
import type { SendResult } from "./sender.ts";
import { Wall } from "./wall.ts";

interface Config {
  readonly api: string;
  readonly csrf_cookie: string;
  readonly editor: string;
  readonly labels: readonly Label[];
  readonly scores: Readonly<Record<string, readonly number[]>>;
  readonly calibration: Calibration;
}

const config = JSON.parse(find("#wall-config", HTMLScriptElement).textContent ?? "{}") as Config;

async function read(url: string): Promise<Batch> {
  const response = await fetch(url, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return (await response.json()) as Batch;
}

async function send(key: string, decisions: readonly Decision[]): Promise<SendResult> {
  try {
    const response = await fetch(`${config.api}verdicts/`, {
      method: "POST",
      credentials: "same-origin",
      headers: {
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        "X-CSRFToken": readCookie(config.csrf_cookie),
      },
      body: JSON.stringify({ verdicts: decisions }),
    });
    const body: unknown = await response.json().catch(() => null);
    if (response.ok) return { name: "saved", body };
    const mayPass = response.status >= 500 || [401, 403, 408, 429].includes(response.status);
    if (mayPass) return { name: "unreachable" };
    const detail = (body as { detail?: string } | null)?.detail ?? `HTTP ${response.status}`;
    return { name: "refused", detail };
  } catch {
    return { name: "unreachable" };
  }
}

new Wall({
  root: find("#wall", HTMLElement),
  words: readWords(find("#wall-messages", HTMLTemplateElement), {}),
  labels: config.labels,
  scores: new Map(Object.entries(config.scores).map(([id, scores]) => [Number(id), scores])),
  calibration: config.calibration,
  proposalsUrl: `${config.api}proposals/`,
  imageUrl: (id) => config.editor.replace("/0/", `/${id}/`),
  read,
  sender: {
    storage: localStorage,
    storageKey: `wall-${config.api}`,
    send,
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    newKey: newUuid,
  },
  now: () => performance.now(),
}).start();
