import type { ClickPrompt, Finder, Found, Haste } from "../core/tools/clickMask.ts";
import type { Failure, Segmenting } from "../sync/transport.ts";
import type { App } from "./app.ts";

export interface Clicking {
  readonly askOutlines: (
    imageId: number,
    by: Finder,
    prompt: ClickPrompt,
    haste: Haste,
  ) => Promise<Found | null>;
  readonly repaint: () => void;
}

/** What the click tool needs of the page: the way to the model, and a voice when it fails. */
export function clicking(app: App, transport: Segmenting): Clicking {
  return {
    askOutlines: async (imageId, by, prompt, haste) => {
      const answer = await transport.segment(imageId, prompt, by, haste);
      if (answer.name === "segmented") return answer.found;
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
