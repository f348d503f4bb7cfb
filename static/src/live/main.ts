import { clockTime } from "./eta.ts";
import { type JobEvent, JobSocket } from "./jobSocket.ts";

/**
 * Any element with data-job-socket="<id>" follows that job.
 *
 * Inside it, [data-job-progress], [data-job-status] and [data-job-eta] are filled, and the
 * element itself gets a "job-event" for whatever else the page wants to do.
 */
const followed = new Map<Element, JobSocket>();

function follow(root: HTMLElement): void {
  const jobId = root.dataset["jobSocket"];
  if (!jobId || followed.has(root)) return;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new JobSocket({
    jobId,
    connect: (path, { onMessage, onClose }) => {
      const socket = new WebSocket(`${scheme}://${location.host}${path}`);
      socket.onmessage = ({ data }) => onMessage(String(data));
      socket.onclose = ({ code }) => onClose(code);
      return socket;
    },
    onEvent: (event) => show(root, event),
    onRefused: (code) => {
      root.dataset["jobRefused"] = String(code);
    },
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    random: Math.random,
  });
  followed.set(root, socket);
  socket.open();
}

function show(root: HTMLElement, event: JobEvent): void {
  if (event.kind === "progress") showProgress(root, event.payload);
  if (event.kind === "state") showState(root, event.payload);
  root.dispatchEvent(new CustomEvent("job-event", { detail: event, bubbles: true }));
}

function showProgress(root: HTMLElement, payload: JobEvent["payload"]): void {
  const [done, total] = [Number(payload["done"]), Number(payload["total"])];
  for (const bar of root.querySelectorAll<HTMLProgressElement>("[data-job-progress]")) {
    bar.max = Math.max(total, 1);
    bar.value = done;
  }
  const eta = payload["eta_s"];
  for (const text of root.querySelectorAll<HTMLElement>("[data-job-eta]")) {
    text.textContent = typeof eta === "number" ? clockTime(eta) : "";
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
}

function scan(): void {
  for (const [root, socket] of followed) {
    if (root.isConnected) continue;
    socket.close();
    followed.delete(root);
  }
  for (const root of document.querySelectorAll<HTMLElement>("[data-job-socket]")) follow(root);
}

scan();
// Fragments come and go on pages that replace parts of themselves.
new MutationObserver(scan).observe(document.body, { childList: true, subtree: true });
