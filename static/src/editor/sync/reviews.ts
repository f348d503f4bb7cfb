import type { Ask } from "./http.ts";
import type { Failure } from "./transport.ts";

export type Pin = readonly [x: number, y: number];

export interface Remark {
  readonly id: number;
  readonly author: string;
  readonly text: string;
  readonly pin: Pin | null;
  readonly created_at: string;
  readonly settled_at: string | null;
}

export type Judged = { readonly name: "judged"; readonly nextId: number | null } | Failure;
export type Said = { readonly name: "said" } | Failure;

/** What people say of each other's work, by the API. */
export interface Reviews {
  /** Null where they cannot be had. */
  remarks(imageId: number): Promise<readonly Remark[] | null>;
  say(imageId: number, text: string, pin: Pin | null): Promise<Said>;
  settle(imageId: number, remarkId: number): Promise<Said>;
  accept(projectId: number, imageId: number): Promise<Judged>;
  sendBack(imageId: number, text: string, pin: Pin | null): Promise<Judged>;
}

export function httpReviews(ask: Ask): Reviews {
  const post = (body: unknown): RequestInit => ({
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const said = ({ status }: { status: number }) =>
    status === 200 || status === 201 ? ({ name: "said" } as const) : null;
  const judged = ({ status, body }: { status: number; body: unknown }) =>
    status === 200
      ? ({ name: "judged", nextId: (body as { next_id: number | null }).next_id } as const)
      : null;

  return {
    remarks: async (imageId) => {
      const answer = await ask(`images/${imageId}/remarks/`, {}, ({ status, body }) =>
        status === 200 ? ({ name: "read", rows: body as readonly Remark[] } as const) : null,
      );
      return answer.name === "read" ? answer.rows : null;
    },
    say: (imageId, text, pin) => ask(`images/${imageId}/remarks/`, post({ text, pin }), said),
    settle: (imageId, remarkId) =>
      ask(`images/${imageId}/remarks/${remarkId}/settle/`, post({}), said),
    accept: (projectId, imageId) =>
      ask(`projects/${projectId}/accept/`, post({ image_ids: [imageId] }), judged),
    sendBack: (imageId, text, pin) =>
      ask(`images/${imageId}/send-back/`, post({ text, pin }), judged),
  };
}
