import type { Doc, Shape } from "./document.ts";
import { Editor, type Happening } from "./editor.ts";
import {
  boundsOf,
  distanceTo,
  type Geometry,
  type GeometryKind,
  type Handle,
  kindOf,
  type Vertex,
} from "./geometry.ts";
import { type Proposal, Proposals } from "./proposals.ts";
import { SpatialIndex } from "./spatialIndex.ts";
import { area, type Bbox, encloses, type Size } from "./units.ts";

export interface Label {
  readonly id: number;
  readonly name: string;
  readonly color: string;
  readonly hotkey: string | null;
  /** How its objects may be drawn; any way where it says nothing. */
  readonly kinds?: readonly GeometryKind[];
  /** What is to be said of each object of the label. */
  readonly attributes?: readonly Attribute[];
  readonly skeleton?: Joints | null;
}

export interface Attribute {
  readonly name: string;
  readonly kind: "select" | "checkbox" | "number" | "text";
  readonly options?: readonly string[];
  /** Asked only where another attribute, above this one, has a value. */
  readonly when?: { readonly name: string; readonly value: unknown };
}

export interface Joints {
  readonly joints: readonly string[];
  /** Pairs of joints, numbered from 0. */
  readonly edges: readonly (readonly [number, number])[];
}

/** What a listener may want to redraw. */
export type Topic = "shapes" | "selection" | "hover" | "proposals" | "settings" | "refused";

export interface WorkbenchOptions {
  readonly image: Size;
  readonly labels: readonly Label[];
  readonly shapes: Iterable<Shape>;
  readonly proposals: readonly Proposal[];
  readonly newId: () => string;
}

/**
 * One image on the table: its document, and what of it is selected, hidden and locked.
 *
 * Tools and commands change the document only through `editor`; nothing here is drawn.
 */
export class Workbench {
  readonly image: Size;
  readonly labels: readonly Label[];
  readonly editor: Editor;
  readonly proposals: Proposals;
  readonly newId: () => string;
  readonly #index = new SpatialIndex();
  readonly #listeners = new Set<(topic: Topic) => void>();
  #selection: ReadonlySet<string> = new Set();
  #hidden: ReadonlySet<string> = new Set();
  #locked: ReadonlySet<string> = new Set();
  #activeLabel: number | null;
  #hovered: string | null = null;
  #fresh: string | null = null;

  constructor(options: WorkbenchOptions) {
    this.image = options.image;
    this.labels = options.labels;
    this.newId = options.newId;
    this.editor = new Editor(new Map(Array.from(options.shapes, (shape) => [shape.id, shape])), {
      allows: (after, before) => this.#allows(after, before),
      refused: () => this.#tell("refused"),
    });
    for (const { id, bbox } of this.doc.values()) this.#index.set(id, bbox);
    this.#activeLabel = options.labels[0]?.id ?? null;
    this.proposals = new Proposals(options.proposals, this, () => this.#tell("proposals"));
    this.editor.subscribe((happening) => this.#follow(happening));
  }

  get doc(): Doc {
    return this.editor.doc;
  }

  get selection(): ReadonlySet<string> {
    return this.#selection;
  }

  get hovered(): string | null {
    return this.#hovered;
  }

  labelOf({ labelId }: Pick<Shape, "labelId">): Label | undefined {
    return this.labels.find(({ id }) => id === labelId);
  }

  /** Whether the active label's objects may be drawn as this. */
  mayDraw(kind: GeometryKind): boolean {
    return allows(this.label, kind);
  }

  /** What was drawn before its label said how may be moved on. */
  #allows(after: Shape, before: Shape | undefined): boolean {
    const { kind } = after.geometry;
    const isAsBefore = before?.labelId === after.labelId && before.geometry.kind === kind;
    return isAsBefore || allows(this.labelOf(after), kind);
  }

  get activeLabel(): number | null {
    return this.#activeLabel;
  }

  get label(): Label | undefined {
    return this.labelOf({ labelId: this.#activeLabel ?? 0 });
  }

  subscribe(listener: (topic: Topic) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  select(ids: Iterable<string>): void {
    this.#selection = new Set(ids);
    this.#fresh = null;
    this.#tell("selection");
  }

  /**
   * Select what is just being drawn, so that its handles are there.
   *
   * Nobody has asked for it, so a label key that is meant for the next object must not
   * change it: it takes a click to mean this one.
   */
  selectFresh(id: string): void {
    this.select([id]);
    this.#fresh = id;
  }

  /** Whether people mean the selection when they press a label's key. */
  get isSelectionMeant(): boolean {
    return this.#fresh === null || !this.#selection.has(this.#fresh);
  }

  hover(id: string | null): void {
    if (this.#hovered === id) return;
    this.#hovered = id;
    this.#tell("hover");
  }

  pickLabel(id: number): void {
    this.#activeLabel = id;
    this.#tell("settings");
  }

  isHidden(id: string): boolean {
    return this.#hidden.has(id);
  }

  isLocked(id: string): boolean {
    return this.#locked.has(id);
  }

  setHidden(ids: Iterable<string>, isHidden: boolean): void {
    this.#hidden = marked(this.#hidden, ids, isHidden);
    this.#tell("shapes");
  }

  setLocked(ids: Iterable<string>, isLocked: boolean): void {
    this.#locked = marked(this.#locked, ids, isLocked);
    this.#tell("settings");
  }

  selectedShapes(): Shape[] {
    return Array.from(this.#selection, (id) => this.doc.get(id)).filter((shape) => !!shape);
  }

  /** The selected shapes that may be changed. */
  editableSelection(): Shape[] {
    return this.selectedShapes().filter(({ id }) => !this.isLocked(id) && !this.isHidden(id));
  }

  /** The shapes in sight that touch the region, the lowest layer first. */
  shapesIn(region: Bbox): Shape[] {
    const shapes = this.#index
      .query(region)
      .filter((id) => !this.#hidden.has(id))
      .map((id) => this.doc.get(id))
      .filter((shape) => !!shape);
    return shapes.some(({ layer }) => layer !== 0)
      ? shapes.sort((a, b) => a.layer - b.layer)
      : shapes;
  }

  /** The shapes with all that belong to their groups. */
  withGroups(ids: Iterable<string>): string[] {
    const wanted = new Set(ids);
    const groups = new Set(Array.from(wanted, (id) => this.doc.get(id)?.group ?? null));
    groups.delete(null);
    if (groups.size === 0) return Array.from(wanted);
    const members = Array.from(this.doc.values()).filter(({ group }) => groups.has(group));
    return Array.from(new Set([...wanted, ...members.map(({ id }) => id)]));
  }

  shapesWithin(region: Bbox): Shape[] {
    return this.shapesIn(region).filter(({ bbox }) => encloses(region, bbox));
  }

  /** The smallest unlocked shape of the highest layer under a point, so that what lies inside another can be had. */
  shapeAt(at: Vertex, reach: number): Shape | null {
    const around: Bbox = [at[0] - reach, at[1] - reach, at[0] + reach, at[1] + reach];
    const hits = this.shapesIn(around).filter(
      ({ id, geometry }) => !this.#locked.has(id) && distanceTo(geometry, at) <= reach,
    );
    const top = Math.max(...hits.map(({ layer }) => layer));
    return smallest(hits.filter(({ layer }) => layer === top));
  }

  /** The handle of a lone selected shape under a point; vertices before edge middles. */
  handleAt(at: Vertex, reach: number): { shape: Shape; handle: Handle } | null {
    const [shape, another] = this.editableSelection();
    if (!shape || another) return null;
    const near = kindOf(shape.geometry)
      .handles(shape.geometry, reach)
      .map((handle) => ({
        handle,
        miss: Math.hypot(handle.at[0] - at[0], handle.at[1] - at[1]),
      }))
      .filter(({ miss }) => miss <= reach)
      .sort((a, b) => Number(!!a.handle.isMinor) - Number(!!b.handle.isMinor) || a.miss - b.miss);
    return near[0] ? { shape, handle: near[0].handle } : null;
  }

  /** A new shape of the active label; null while there is no label to give it. */
  newShape(id: string, geometry: Geometry): Shape | null {
    if (this.#activeLabel === null) return null;
    return {
      id,
      geometry,
      labelId: this.#activeLabel,
      bbox: boundsOf(geometry),
      source: "human",
      score: null,
      attributes: {},
      isOccluded: false,
      isTruncated: false,
      group: null,
      layer: 0,
    };
  }

  #follow({ patch, cause }: Happening): void {
    for (const [id, { after }] of patch) {
      if (after) this.#index.set(id, after.bbox);
      else this.#index.delete(id);
    }
    const gone = Array.from(this.#selection).some((id) => !this.doc.has(id));
    if (gone) this.select(Array.from(this.#selection).filter((id) => this.doc.has(id)));
    this.#tell("shapes");
    if (cause !== "preview") this.proposals.refresh();
  }

  #tell(topic: Topic): void {
    for (const listener of this.#listeners) listener(topic);
  }
}

export function allows(label: Label | undefined, kind: GeometryKind): boolean {
  return !label?.kinds?.length || label.kinds.includes(kind);
}

export function reshaped(shape: Shape, geometry: Geometry): Shape {
  return { ...shape, geometry, bbox: boundsOf(geometry) };
}

export function moved(shape: Shape, dx: number, dy: number): Shape {
  return reshaped(shape, kindOf(shape.geometry).moved(shape.geometry, dx, dy));
}

/** How far shapes may go together before one of them would leave the image. */
export function allowedShift(
  shapes: readonly Shape[],
  image: Size,
  dx: number,
  dy: number,
): Vertex {
  let [x, y] = [dx, dy];
  for (const { bbox } of shapes) {
    x = Math.max(Math.min(x, Math.max(image.width - bbox[2], 0)), Math.min(-bbox[0], 0));
    y = Math.max(Math.min(y, Math.max(image.height - bbox[3], 0)), Math.min(-bbox[1], 0));
  }
  return [x, y];
}

export function smallest<T extends { readonly bbox: Bbox }>(items: readonly T[]): T | null {
  return items.reduce<T | null>(
    (best, item) => (best && area(best.bbox) <= area(item.bbox) ? best : item),
    null,
  );
}

function marked(set: ReadonlySet<string>, ids: Iterable<string>, isIn: boolean) {
  const next = new Set(set);
  for (const id of ids) {
    if (isIn) next.add(id);
    else next.delete(id);
  }
  return next;
}
