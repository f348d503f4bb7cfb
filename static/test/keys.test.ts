import { expect, test } from "vitest";
import { Clipboard } from "../src/editor/view/clipboard.ts";
import { chordOf, Keymap } from "../src/editor/view/keys.ts";
import { ofGeometry } from "./parts.ts";

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

test("what is copied can be pasted on other images of its project alone", () => {
  const kept = storage();
  const one = ofGeometry("a", { kind: "ellipse", center: [5, 5], radii: [3, 2], angle: 10 });
  new Clipboard(kept).copy(1, 7, [one]);

  expect(new Clipboard(kept).paste(2, 7)).toEqual({ shapes: [one], isSameImage: false });
  expect(new Clipboard(kept).paste(1, 7).isSameImage).toBe(true);
  expect(new Clipboard(kept).paste(2, 8).shapes).toEqual([]);
});
