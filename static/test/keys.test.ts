import { expect, test } from "vitest";
import { chordOf, Keymap } from "../src/editor/view/keys.ts";

const event = (key: string, extra = {}) => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  ...extra,
});
const command = (id: string, ...keys: string[]) =>
  ({ id, group: "tools", keys, run: () => {} }) as const;

function storage() {
  const items = new Map<string, string>();
  return {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  };
}

test("a key is written the same way whoever presses it", () => {
  expect(chordOf(event("z", { ctrlKey: true }))).toBe("Ctrl+Z");
  expect(chordOf(event("Z", { metaKey: true, shiftKey: true }))).toBe("Ctrl+Shift+Z");
  expect(chordOf(event("?", { shiftKey: true }))).toBe("?");
  expect(chordOf(event(" "))).toBe("Space");
  expect(chordOf(event("Tab", { shiftKey: true }))).toBe("Shift+Tab");
});

test("a key given to one command is taken from the other, also on the next visit", () => {
  const kept = storage();
  const commands = [command("box", "B"), command("select", "V", "Escape")];
  new Keymap(commands, kept).assign("box", "V");

  const keymap = new Keymap(commands, kept);

  expect(keymap.commandFor("V")?.id).toBe("box");
  expect(keymap.commandFor("B")).toBeNull();
  expect(keymap.keysOf("select")).toEqual(["Escape"]);
  keymap.reset();
  expect(new Keymap(commands, kept).commandFor("B")?.id).toBe("box");
});

test("what another version has left in the storage does no harm", () => {
  const kept = storage();
  kept.setItem("editor-keys", "{broken");

  expect(new Keymap([command("box", "B")], kept).commandFor("B")?.id).toBe("box");
});
