/**
 * input[data-threshold] inside [data-answer] hides each [data-score] below its value.
 *
 * [data-threshold-shown] says the value, [data-num-shown] how many [data-found] are left.
 */
document.addEventListener("input", (event) => {
  const slider = event.target;
  if (!(slider instanceof HTMLInputElement) || !slider.matches("[data-threshold]")) return;
  const answer = slider.closest("[data-answer]");
  if (answer) showAbove(answer, slider.valueAsNumber);
});

function showAbove(answer: Element, threshold: number): void {
  for (const one of answer.querySelectorAll<SVGElement>("[data-score]")) {
    one.toggleAttribute("hidden", Number(one.dataset["score"]) < threshold);
  }
  const numShown = answer.querySelectorAll("[data-found]:not([hidden])").length;
  write(answer, "[data-threshold-shown]", threshold.toFixed(2));
  write(answer, "[data-num-shown]", String(numShown));
}

function write(root: Element, selector: string, text: string): void {
  const element = root.querySelector(selector);
  if (element) element.textContent = text;
}
