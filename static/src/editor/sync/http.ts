import type { Calibration } from "../core/calibration.ts";
import type { Outline } from "../core/tools/clickMask.ts";
import type { DocumentWire } from "../core/wire.ts";
import type {
  Adviser,
  Failure,
  LevelRange,
  SegmentAnswer,
  Segmenting,
  SendAnswer,
  SubmitAnswer,
  TilingWire,
  Transport,
} from "./transport.ts";

const TIMEOUT_MS = 20_000;

export interface HttpOptions {
  /** The base of the labeling API, with a slash at its end. */
  readonly api: string;
  readonly csrfCookie: string;
}

export interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly retryAfterS: number | null;
}

export type Ask = <T>(
  path: string,
  init: RequestInit,
  read: (reply: Reply) => T | null,
) => Promise<T | Failure>;

/** Requests to the API that never throw; what they do not read is a failure. */
export function asking({ api, csrfCookie }: HttpOptions): Ask {
  const call = async (path: string, init: RequestInit = {}): Promise<Reply> => {
    const headers = new Headers(init.headers);
    headers.set("Accept", "application/json");
    if (init.method === "POST") headers.set("X-CSRFToken", readCookie(csrfCookie));
    const response = await fetch(`${api}${path}`, {
      ...init,
      headers,
      credentials: "same-origin",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const wait = Number(response.headers.get("Retry-After"));
    return {
      status: response.status,
      body: await response.json().catch(() => null),
      retryAfterS: wait > 0 ? wait : null,
    };
  };

  return async (path, init, read) => {
    try {
      const reply = await call(path, init);
      return read(reply) ?? failureOf(reply);
    } catch {
      return { name: "unreachable", retryAfterS: null };
    }
  };
}

export function httpTransport(options: HttpOptions): Transport & Adviser & Segmenting {
  const ask = asking(options);
  const post = (path: string) => ({ path, init: { method: "POST" } });

  return {
    read: (imageId) =>
      ask(`images/${imageId}/document/`, {}, ({ status, body }) =>
        status === 200 ? { name: "read", document: body as DocumentWire } : null,
      ),

    send: (imageId, revision, key, operations) =>
      ask<SendAnswer>(
        `images/${imageId}/operations/`,
        {
          method: "POST",
          headers: {
            "Content-Type": "application/json",
            "If-Match": `"${revision}"`,
            "Idempotency-Key": key,
          },
          body: JSON.stringify({ operations }),
        },
        ({ status, body }) => {
          if (status === 200) return { name: "saved", revision: numberIn(body, "revision") };
          return status === 412 ? { name: "conflict" } : null;
        },
      ),

    submit: (imageId) => {
      const { path, init } = post(`images/${imageId}/submit/`);
      return ask<SubmitAnswer>(path, init, ({ status, body }) =>
        status === 200
          ? { name: "submitted", nextId: (body as { next_id: number | null }).next_id }
          : null,
      );
    },

    reopen: (imageId) => {
      const { path, init } = post(`images/${imageId}/reopen/`);
      return ask<SubmitAnswer>(path, init, ({ status }) =>
        status === 200 ? { name: "reopened" } : null,
      );
    },

    reject: async (imageId, ids) => {
      const init = {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ ids }),
      };
      const answer = await ask(`images/${imageId}/rejections/`, init, ({ status }) =>
        status === 200 ? ({ name: "told" } as const) : null,
      );
      return answer.name === "told" || answer.name === "refused" || answer.name === "gone";
    },

    levels: async (imageId) => {
      const answer = await ask(`images/${imageId}/levels/`, {}, ({ status, body }) =>
        status === 200 ? ({ name: "read", range: body as LevelRange } as const) : null,
      );
      return answer.name === "read" && answer.range.low !== null ? answer.range : null;
    },

    tiling: async (imageId) => {
      const answer = await ask(`images/${imageId}/tiles/`, {}, ({ status, body }) =>
        status === 200 ? ({ name: "read", tiling: body as TilingWire } as const) : null,
      );
      return answer.name === "read" ? answer.tiling : null;
    },

    calibration: async (projectId) => {
      const answer = await ask(`projects/${projectId}/calibration/`, {}, ({ status, body }) =>
        status === 200 ? ({ name: "read", calibration: body as Calibration } as const) : null,
      );
      return answer.name === "read" ? answer.calibration : null;
    },

    segment: (imageId, { clicks, box }, by, haste) => {
      const init = {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ clicks, by, quick: haste === "quick", ...(box ? { box } : {}) }),
      };
      return ask<SegmentAnswer>(`images/${imageId}/outlines/`, init, ({ status, body }) => {
        if (status === 200) {
          const { outlines, is_final } = body as {
            outlines: readonly Outline[];
            is_final: boolean;
          };
          return { name: "segmented", found: { outlines, isFinal: is_final } };
        }
        // The portal is there, but not its model: waiting would not help the click.
        return status === 503 ? { name: "refused", detail: textIn(body, "detail") } : null;
      });
    },
  };
}

function failureOf({ status, body, retryAfterS }: Reply): Failure {
  const detail = textIn(body, "detail") || `HTTP ${status}`;
  if (status === 401) return { name: "signedOut" };
  // A stale CSRF token also answers 403; signing in anew gives a fresh one.
  if (status === 403) {
    const isDenied = textIn(body, "code") === "permission_denied" && !detail.includes("CSRF");
    return isDenied ? { name: "refused", detail } : { name: "signedOut" };
  }
  if (status === 404 || status === 410) return { name: "gone", detail };
  const mayPass = status === 408 || status === 425 || status === 429 || status >= 500;
  return mayPass ? { name: "unreachable", retryAfterS } : { name: "refused", detail };
}

export function readCookie(name: string): string {
  const pair = document.cookie.split("; ").find((part) => part.startsWith(`${name}=`));
  return pair ? decodeURIComponent(pair.slice(name.length + 1)) : "";
}

function textIn(body: unknown, key: string): string {
  const value = (body as { [key: string]: unknown } | null)?.[key];
  return typeof value === "string" ? value : "";
}

function numberIn(body: unknown, key: string): number {
  return Number((body as { [key: string]: unknown } | null)?.[key]);
}
