/** The words of the interface. All of them stand in the page, where they are translated. */
export type Words = (key: string, values?: Readonly<Record<string, string | number>>) => string;

export function readWords(
  template: HTMLTemplateElement,
  extra: Readonly<Record<string, string>>,
): Words {
  const texts = new Map<string, string>();
  for (const item of template.content.querySelectorAll<HTMLElement>("[data-message]")) {
    texts.set(item.dataset["message"] ?? "", item.textContent ?? "");
  }
  for (const [key, text] of Object.entries(extra)) texts.set(key, text);
  return (key, values = {}) =>
    (texts.get(key) ?? key).replace(/\{(\w+)\}/g, (hole, name: string) =>
      String(values[name] ?? hole),
    );
}
