import type { GeometryKind } from "../core/geometry.ts";
import { asking, httpTransport } from "../sync/http.ts";
import { forgetfulJournal, openJournal } from "../sync/journal.ts";
import { httpReviews } from "../sync/reviews.ts";
import { App } from "./app.ts";
import { find } from "./dom.ts";
import { readWords } from "./messages.ts";

interface PageConfig {
  readonly image_id: number;
  readonly api: string;
  readonly csrf_cookie: string;
  /** The kinds of shapes that the server keeps; boxes alone where it does not say. */
  readonly kinds?: readonly GeometryKind[];
  readonly may_label?: boolean;
  readonly may_review?: boolean;
  /** The module that draws very large images. */
  readonly tiles: string;
  readonly translations?: Readonly<Record<string, string>>;
}

async function start(): Promise<void> {
  const text = find("#editor-config", HTMLScriptElement).textContent ?? "{}";
  const config = JSON.parse(text) as PageConfig;
  const template = find("#editor-messages", HTMLTemplateElement);
  const http = { api: config.api, csrfCookie: config.csrf_cookie };
  const app = new App({
    root: find("#editor", HTMLElement),
    words: readWords(template, config.translations ?? {}),
    kinds: config.kinds ?? ["box"],
    transport: httpTransport(http),
    reviews: httpReviews(asking(http)),
    tiles: () => import(/* @vite-ignore */ config.tiles),
    mayLabel: config.may_label ?? true,
    mayReview: config.may_review ?? false,
    journal: await openJournal("dsportal-editor", indexedDB).catch(forgetfulJournal),
  });
  await app.start(config.image_id);
}

void start();
