import { clockTime } from "./eta.ts";
import { type JobEvent, JobSocket } from "./jobSocket.ts";
import { Line, type LineOptions } from "./line.ts";

/**
 * Any element with data-job-socket="<id>" follows that job, from data-job-after on.
 *
 * Inside it, [data-job-progress], [data-job-status] and [data-job-eta] are filled, and the
 * element itself gets a "job-event" for whatever else the page wants to do; one with
 * data-job-reload shows the page anew when the job is over. Elements come
 * and go on pages that replace parts of themselves; a job's socket stays while one is left.
 *
 * One with data-live="/ws/..." gets a "news" each time that the server says so there.
 */
interface Followed {
  readonly socket: JobSocket;
  readonly elements: Set<HTMLElement>;
  /** The last of each kind, for elements that come later. */
  readonly last: Map<JobEvent["kind"], JobEvent>;
}

/** How the parts of this file reach the world outside. */
const BROWSER: Pick<LineOptions, "connect" | "wait" | "random"> = {
  connect: (path, { onMessage, onClose }) => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const line = new WebSocket(`${scheme}://${location.host}${path}`);
    line.onmessage = ({ data }) => onMessage(String(data));
    line.onclose = ({ code }) => onClose(code);
    return line;
  },
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  random: Math.random,
};

const ENDED = new Set(["done", "failed", "cancelled"]);
const jobs = new Map<string, Followed>();

function follow(jobId: string, after: number): Followed {
  const elements = new Set<HTMLElement>();
  const last: Followed["last"] = new Map();
  const socket = new JobSocket({
    jobId,
    after,
    ...BROWSER,
    onEvent: (event) => {
      last.set(event.kind, event);
      for (const element of elements) show(element, event);
    },
    onRefused: (code) => {
      for (const element of elements) element.dataset["jobRefused"] = String(code);
    },
  });
  const followed = { socket, elements, last };
  jobs.set(jobId, followed);
  socket.open();
  return followed;
}

function show(element: HTMLElement, event: JobEvent): void {
  if (event.kind === "progress") showProgress(element, event.payload);
  if (event.kind === "state") showState(element, event.payload);
  element.dispatchEvent(new CustomEvent("job-event", { detail: event, bubbles: true }));
}

function showProgress(root: HTMLElement, payload: JobEvent["payload"]): void {
  const [done, total] = [Number(payload["done"]), Number(payload["total"])];
  for (const bar of root.querySelectorAll<HTMLProgressElement>("[data-job-progress]")) {
    bar.max = Math.max(total, 1);
    bar.value = done;
  }
  const eta = payload["eta_s"];
  const count = `${done} / ${total}`;
  for (const text of root.querySelectorAll<HTMLElement>("[data-job-eta]")) {
    text.textContent = typeof eta === "number" ? `${count} \u00b7 ${clockTime(eta)}` : count;
  }
}

function showState(root: HTMLElement, payload: JobEvent["payload"]): void {
  const status = String(payload["status"]);
  root.dataset["jobState"] = status;
  for (const text of root.querySelectorAll<HTMLElement>("[data-job-status]")) {
    // The page brings the words in its own language: data-text-running="...".
    text.dataset["status"] = status;
    text.textContent = text.getAttribute(`data-text-${status}`) ?? status;
  }
  if ("jobReload" in root.dataset && ENDED.has(status)) location.reload();
}

function scan(): void {
  for (const element of document.querySelectorAll<HTMLElement>("[data-job-socket]")) {
    const jobId = element.dataset["jobSocket"];
    const after = Number(element.dataset["jobAfter"] ?? 0);
    if (jobId) join(jobs.get(jobId) ?? follow(jobId, after), element);
  }
  for (const [jobId, followed] of jobs) drop(jobId, followed);
  scanLive();
}

function join({ elements, last }: Followed, element: HTMLElement): void {
  if (elements.has(element)) return;
  elements.add(element);
  for (const event of last.values()) show(element, event);
}

function drop(jobId: string, { socket, elements }: Followed): void {
  for (const element of elements) if (!element.isConnected) elements.delete(element);
  if (elements.size > 0) return;
  socket.close();
  jobs.delete(jobId);
}

/** What is watched, by its path; the element that is told is looked up at each news. */
const lines = new Map<string, Line>();

function watch(path: string): void {
  const line = new Line({
    ...BROWSER,
    path: () => path,
    onMessage: () => {
      document.querySelector(`[data-live="${path}"]`)?.dispatchEvent(new CustomEvent("news"));
    },
    onRefused: () => {}, // the page still looks now and then
  });
  lines.set(path, line);
  line.open();
}

function scanLive(): void {
  const wanted = new Set<string>();
  for (const element of document.querySelectorAll<HTMLElement>("[data-live]")) {
    wanted.add(element.dataset["live"] ?? "");
  }
  for (const path of wanted) if (!lines.has(path)) watch(path);
  for (const [path, line] of lines) {
    if (wanted.has(path)) continue;
    line.close();
    lines.delete(path);
  }
}

scan();
new MutationObserver(scan).observe(document.body, { childList: true, subtree: true });
