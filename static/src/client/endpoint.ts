/**
 * Asks a deployed model, from Node, Deno, Bun or a browser:
 *
 *     const line = new Endpoint("https://portal.example/e/line-3/predict", "dsk_...");
 *     for (const { label, score, bbox } of (await line.predict(file)).detections) ...
 *
 * A request changes nothing, so one that meets a restart, a full queue or a used-up rate
 * waits as it is told and is sent again.
 */
export interface Found {
  readonly label: string;
  readonly score: number;
  /** Left, top, right, bottom, in pixels of the upright picture. */
  readonly bbox: readonly [number, number, number, number];
}

export interface Prediction {
  /** Which revision of the model answered. */
  readonly version: string;
  /** Of a detector; empty for other models. */
  readonly detections: readonly Found[];
  /** What other kinds of models say: `labels`, `segments`. */
  readonly [more: string]: unknown;
}

export interface EndpointOptions {
  readonly numTries?: number;
  readonly timeoutMs?: number;
}

/** The endpoint said no; `status` is 0 where nobody answered. */
export class EndpointError extends Error {
  override readonly name = "EndpointError";

  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

const WORTH_ANOTHER_TRY = new Set([429, 502, 503, 504]);
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

export class Endpoint {
  readonly #url: string;
  readonly #key: string;
  readonly #numTries: number;
  readonly #timeoutMs: number;

  constructor(url: string, key: string, options: EndpointOptions = {}) {
    this.#url = `${url.replace(/\/(predict\/?)?$/, "")}/predict`;
    this.#key = key;
    this.#numTries = options.numTries ?? 5;
    this.#timeoutMs = options.timeoutMs ?? 60_000;
  }

  /** Ask about a picture's file: a Blob, a File, or its bytes. */
  async predict(
    picture: Blob | BufferSource,
    options: { readonly scoreThreshold?: number } = {},
  ): Promise<Prediction> {
    const url = new URL(this.#url);
    const { scoreThreshold } = options;
    if (scoreThreshold !== undefined) url.searchParams.set("score_threshold", `${scoreThreshold}`);
    for (let attempt = 0; ; attempt++) {
      const isLast = attempt >= this.#numTries - 1;
      const reply = await this.#ask(url, picture).catch((error: unknown) => {
        if (isLast) throw new EndpointError(`${this.#url} does not answer (${error})`, 0);
      });
      if (reply && (isLast || !WORTH_ANOTHER_TRY.has(reply.status))) return read(reply);
      await pause(attempt, reply?.headers.get("Retry-After"));
    }
  }

  #ask(url: URL, picture: Blob | BufferSource): Promise<Response> {
    return fetch(url, {
      method: "POST",
      body: picture,
      headers: { Authorization: `Bearer ${this.#key}`, "Content-Type": "application/octet-stream" },
      signal: AbortSignal.timeout(this.#timeoutMs),
    });
  }
}

async function read(reply: Response): Promise<Prediction> {
  const content = (await reply.json().catch(() => ({}))) as Record<string, unknown>;
  if (reply.ok) return { version: "", detections: [], ...content };
  const said = content["error"] ?? `${reply.url} answered ${reply.status}`;
  throw new EndpointError(String(said), reply.status);
}

function pause(attempt: number, wanted: string | null | undefined): Promise<void> {
  const told = wanted && /^\d+$/.test(wanted) ? Number(wanted) * 1000 : undefined;
  const ms = Math.min(LONGEST_PAUSE_MS, told ?? FIRST_PAUSE_MS * 2 ** attempt);
  return new Promise((resolve) => setTimeout(resolve, ms));
}
