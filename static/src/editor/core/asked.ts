import type { Shape } from "./document.ts";
import type { Attribute, Label } from "./workbench.ts";

type Said = Shape["attributes"];

/** What is to be said of an object: some of it only after another answer. */
export function askedOf(label: Label | undefined, said: Said): Attribute[] {
  const asked: Attribute[] = [];
  for (const attribute of label?.attributes ?? []) {
    const { when } = attribute;
    if (!when || (said[when.name] === when.value && asked.some(({ name }) => name === when.name)))
      asked.push(attribute);
  }
  return asked;
}

/** What is said with one answer changed; undefined takes it back, and what hung on it. */
export function answered(label: Label | undefined, said: Said, name: string, value: unknown): Said {
  const all = { ...said, [name]: value };
  const asked = askedOf(label, all);
  const isGone = (one: Attribute) => one.when && !asked.includes(one);
  for (const one of label?.attributes?.filter(isGone) ?? []) all[one.name] = undefined;
  return Object.fromEntries(Object.entries(all).filter(([, said]) => said !== undefined));
}
