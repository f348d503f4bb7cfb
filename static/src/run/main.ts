import type { ChartFigure } from "../charts/element.ts";
import type { JobEvent } from "../live/jobSocket.ts";
import "../live/main.ts";
import { newPoints, type Series } from "./curves.ts";

/** A run's page: its job's events become points of its charts and fresh parts. */
interface Card {
  readonly figure: ChartFigure;
  readonly src: string;
  /** The name of each series here, by its name in the job's events. */
  readonly labels: Readonly<Record<string, string>>;
  /** The last step that a series shows: what is told twice is drawn once. */
  last: Map<string, number>;
}

interface ChartJson {
  readonly series: readonly { readonly name: string; readonly x: readonly number[] }[];
}

function cardOf(section: HTMLElement): Card | null {
  const figure = section.querySelector<ChartFigure>("chart-figure");
  const spec = figure?.querySelector("script[type='application/json']")?.textContent;
  if (!figure || !spec) return null;
  const labels = JSON.parse(section.dataset["curves"] ?? "{}") as Card["labels"];
  const src = section.dataset["src"] ?? "";
  return { figure, src, labels, last: lastSteps(JSON.parse(spec) as ChartJson) };
}

function lastSteps({ series }: ChartJson): Map<string, number> {
  return new Map(series.map(({ name, x }) => [name, x.at(-1) ?? -1]));
}

const cards = [...document.querySelectorAll<HTMLElement>("[data-curves]")]
  .map(cardOf)
  .filter((card) => card !== null);

function draw(payload: JobEvent["payload"]): void {
  const step = Number(payload["step"]);
  const values = payload["values"] as Series;
  for (const { figure, labels, last } of cards) {
    for (const [name, value] of newPoints({ step, values, labels, last })) {
      figure.push(name, step, value);
    }
  }
}

/** An attempt that goes on from a checkpoint has taken points back. */
async function drawAnew(): Promise<void> {
  for (const card of cards) {
    const answer = await fetch(card.src);
    if (!answer.ok) continue;
    const json = (await answer.json()) as ChartJson;
    card.last = lastSteps(json);
    card.figure.show(json as Parameters<ChartFigure["show"]>[0]);
  }
}

function tell(name: string): void {
  document.body.dispatchEvent(new CustomEvent(name));
}

function take({ kind, payload }: JobEvent): void {
  if (kind === "metric") draw(payload);
  if (kind === "samples") tell("run-samples");
  if (kind === "log") tell("run-log");
  if (kind !== "state") return;
  tell("run-changed");
  const status = payload["status"];
  if (status === "running" && Number(payload["attempt"]) > 1) void drawAnew();
  if (status === "done") location.reload();
}

await customElements.whenDefined("chart-figure");
document.addEventListener("job-event", (event) => take((event as CustomEvent<JobEvent>).detail));
