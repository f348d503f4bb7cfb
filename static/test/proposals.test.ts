import { expect, test } from "vitest";
import * as edit from "../src/editor/core/commands.ts";
import { bench, proposal, shape } from "./parts.ts";

const three = () =>
  bench(
    [],
    [
      proposal("low", [0, 0, 9, 9], 0.3),
      proposal("best", [20, 0, 29, 9], 0.9),
      proposal("good", [40, 0, 49, 9], 0.7),
    ],
  );
const ids = (items: readonly { readonly id: string }[]) => items.map(({ id }) => id);

test("only those at or above the threshold are offered, best first", () => {
  const table = three();
  expect(ids(table.proposals.open)).toEqual(["best", "good"]);

  table.proposals.setThreshold(0.3);

  expect(ids(table.proposals.open)).toEqual(["best", "good", "low"]);
});

test("accepting keeps the score and the id and goes on to the next", () => {
  const table = three();

  edit.focusNextProposal(table, 1);
  edit.acceptProposal(table);

  expect(table.doc.get("best")).toMatchObject({ source: "prediction", score: 0.9, labelId: 1 });
  expect(table.proposals.focused?.id).toBe("good");
});

test("undoing an acceptance offers the proposal again", () => {
  const table = three();
  edit.acceptAllProposals(table);
  expect(table.proposals.open).toEqual([]);

  table.editor.undo();

  expect(ids(table.proposals.open)).toEqual(["best", "good"]);
});

test("a rejected proposal, or a deleted accepted one, is not offered again", () => {
  const table = three();
  edit.focusNextProposal(table, 1);
  edit.rejectProposal(table);
  edit.acceptProposal(table);
  edit.removeSelection(table);

  expect(table.doc.size).toBe(0);
  expect(table.proposals.open).toEqual([]);
});

test("what a person has drawn already is not proposed on top of it", () => {
  const covering = shape("drawn", [20, 0, 29, 10]);

  expect(ids(bench([covering], [proposal("p", [20, 0, 29, 9])]).proposals.open)).toEqual([]);
  const other = { ...covering, labelId: 2 };
  expect(ids(bench([other], [proposal("p", [20, 0, 29, 9])]).proposals.open)).toEqual(["p"]);
});

test("a label key relabels what is selected and is used for what comes next", () => {
  const table = bench([shape("a", [0, 0, 9, 9])]);
  table.select(["a"]);

  edit.applyLabel(table, 2);

  expect(table.doc.get("a")?.labelId).toBe(2);
  expect(table.newShape("b", { kind: "box", bbox: [0, 0, 1, 1] })?.labelId).toBe(2);
});

test("copies get ids of their own and stay inside the image", () => {
  const table = bench([shape("a", [90, 70, 100, 80])]);

  edit.paste(table, [shape("a", [90, 70, 100, 80]), shape("x", [0, 0, 5, 5], { labelId: 99 })], 12);

  expect(table.doc.size).toBe(2);
  expect(table.doc.get("new-1")?.bbox).toEqual([90, 70, 100, 80]);
});

test("a dot below the threshold becomes a shape by one click", () => {
  const table = three();
  expect(ids(table.proposals.candidates)).toEqual(["low"]);

  expect(edit.pickProposal(table, [4, 5], 2)).toBe(true);

  expect(table.doc.get("low")).toMatchObject({ source: "prediction", score: 0.3 });
  expect(table.proposals.candidates).toEqual([]);
});

test("a loose box snaps to what the model has seen there, its own label first", () => {
  const other = { ...proposal("other", [10, 10, 31, 31], 0.9), labelId: 2 };
  const table = bench(
    [shape("a", [8, 8, 33, 34])],
    [other, proposal("own", [10, 10, 30, 30], 0.1)],
  );
  table.select(["a"]);

  edit.snap(table);

  expect(table.doc.get("a")).toMatchObject({ bbox: [10, 10, 30, 30], labelId: 1, source: "human" });
});

test("far from every proposal nothing snaps and nothing is undone", () => {
  const table = bench([shape("a", [60, 60, 90, 80])], [proposal("p", [0, 0, 20, 20])]);
  table.select(["a"]);

  edit.snap(table);

  expect(table.editor.nextUndo).toBeNull();
});
