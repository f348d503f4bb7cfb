import type { ClickPrompt, Finder, Outline } from "../core/tools/clickMask.ts";
import type { Failure, Segmenting } from "../sync/transport.ts";
import type { App } from "./app.ts";

export interface Clicking {
  readonly askOutlines: (
    imageId: number,
    prompt: ClickPrompt,
    by: Finder,
  ) => Promise<readonly Outline[] | null>;
  readonly repaint: () => void;
}

/** What the click tool needs of the page: the way to the model, and a voice when it fails. */
export function clicking(app: App, transport: Segmenting): Clicking {
  return {
    askOutlines: async (imageId, prompt, by) => {
      const answer = await transport.segment(imageId, prompt, by);
      if (answer.name === "segmented") return answer.outlines;
      // What was only prepared for fails in silence: nobody has clicked yet.
      if (prompt.clicks.length > 0 || prompt.box) tell(app, answer);
      return null;
    },
    repaint: () => app.stage.repaint("overlay"),
  };
}

function tell(app: App, failure: Failure): void {
  if (failure.name === "unreachable") app.notice("clickOffline");
  else if (failure.name === "signedOut") app.notice("clickSignedOut");
  else app.notice("clickFailed", { detail: failure.detail });
}
