import { BrushSize } from "../core/tools/brush.ts";
import type { Carry } from "../core/tools/carry.ts";
import type { Tool } from "../core/tools/tool.ts";
import { boundsOfAll, type Camera } from "../core/units.ts";
import type { DocumentWire } from "../core/wire.ts";
import type { Topic, Workbench } from "../core/workbench.ts";
import { realClock } from "../sync/clock.ts";
import { Couriers } from "../sync/couriers.ts";
import type { Failure } from "../sync/transport.ts";
import { editorCommands } from "./actions.ts";
import { clicking } from "./clicking.ts";
import { Documents } from "./documents.ts";
import { find } from "./dom.ts";
import type { Picture } from "./draw.ts";
import { fitLabel, fittingTool } from "./fitting.ts";
import { HandIn } from "./handIn.ts";
import { KeyBoard } from "./keyboard.ts";
import { Keymap } from "./keys.ts";
import type { AppOptions } from "./options.ts";
import { overlayOf } from "./overlay.ts";
import { type Palette, watchPalette } from "./palette.ts";
import { Bar } from "./panels/bar.ts";
import { toggleGuide } from "./panels/guide.ts";
import { KeysDialog } from "./panels/keysDialog.ts";
import { Levels } from "./panels/levels.ts";
import { Notices } from "./panels/notices.ts";
import { ReviewPanel } from "./panels/review.ts";
import { SavingPanel } from "./panels/saving.ts";
import { Sidebar } from "./panels/sidebar.ts";
import { Strip } from "./panels/strip.ts";
import { WalkPanel } from "./panels/walkPanel.ts";
import { Pictures } from "./pictures.ts";
import { Pointer } from "./pointer.ts";
import { readPixels } from "./readPixels.ts";
import { Session } from "./session.ts";
import { Stage } from "./stage.ts";
import { firstUrl, letGo, pictureOf } from "./tiling.ts";
import { newUuid } from "./uuid.ts";
import { watchPage } from "./watchPage.ts";

const RETRY_MS = 3000;

/** The editor page: one open image, and everything around it that outlives the image. */
export class App {
  readonly stage: Stage;
  readonly keymap: Keymap;
  readonly #options: AppOptions;
  readonly pointer: Pointer;
  readonly #keyboard: KeyBoard;
  readonly #bar: Bar;
  readonly #sidebar: Sidebar;
  readonly #walk: WalkPanel;
  readonly #saving: SavingPanel;
  readonly #strip: Strip;
  readonly #keysDialog: KeysDialog;
  readonly #couriers: Couriers;
  readonly #notices: Notices;
  readonly #levels: Levels;
  readonly #handIn: HandIn;
  readonly #review: ReviewPanel;
  readonly #pictures = new Pictures();
  readonly #documents: Documents;
  #session: Session | null = null;
  readonly #brush = new BrushSize();
  #toolName = "box";
  #hasCrosshair = true;
  #picture: Picture | null = null;
  #palette: Palette | null = null;
  #unwatch: () => void = () => {};
  #opening = 0;

  constructor(options: AppOptions) {
    this.#options = options;
    const { root, words } = options;
    this.#documents = new Documents(options.transport);
    this.stage = new Stage(find("[data-stage]", HTMLElement, root), {
      overlay: () => overlayOf(this.tool(), this.pointer, this.#hasCrosshair),
      onCamera: (camera) => this.#showCamera(camera),
    });
    this.keymap = new Keymap(editorCommands(this), localStorage);
    this.#notices = new Notices(find("[data-notice]", HTMLElement, root));
    this.#bar = new Bar(root, words, this.keymap);
    this.pointer = new Pointer({
      stage: this.stage,
      bench: () => this.bench,
      tool: () => this.tool(),
      isPanKeyDown: () => this.#keyboard.isSpaceDown,
    });
    this.#walk = new WalkPanel(words, (bbox) => this.stage.showRegion(bbox));
    this.#keyboard = new KeyBoard({
      keymap: this.keymap,
      bench: () => this.bench,
      stage: this.stage.root,
      first: (chord) => this.#walk.press(chord),
    });
    this.#sidebar = new Sidebar(find("[data-panel]", HTMLElement, root), words, {
      isIdle: () => !this.tool()?.isBusy,
    });
    this.#saving = new SavingPanel(words, {
      setting: () => this.#setting(),
      retry: () => this.#session?.outbox.retry(),
      resolve: (id, choice) => this.#session?.outbox.resolve(id, choice),
      discard: (id) => this.#session?.outbox.discard(id),
    });
    this.#strip = new Strip(
      (id) => this.#documents.get(id),
      (id) => void this.open(id),
    );
    this.#keysDialog = new KeysDialog(this.keymap, words, () => this.#bar.showKeys());
    const shared = { open: (id: number) => this.open(id), notice: this.notice.bind(this) };
    this.#handIn = new HandIn({
      transport: options.transport,
      documents: this.#documents,
      session: () => this.#session,
      isBusy: () => this.tool()?.isBusy ?? false,
      ...shared,
      showWaiting: () => this.#saving.open(),
    });
    this.#review = new ReviewPanel(root, words, {
      ...options,
      stage: this.stage,
      ...shared,
      bench: () => this.bench,
      changed: (id) => this.#documents.forget(id),
    });
    this.#couriers = new Couriers({
      ...options,
      clock: realClock,
      newKey: newUuid,
      onWaiting: (waiting) => this.#saving.showOthers(waiting),
    });
    watchPage({
      keymap: this.keymap,
      stage: this.stage,
      retry: () => {
        this.#session?.outbox.retry();
        this.#couriers.retry();
      },
      open: (id) => void this.open(id, true),
      isLeavingUnsafe: () => {
        const state = this.#session?.outbox.state;
        return state !== undefined && state.waiting > 0 && !state.isKept;
      },
    });
    this.#levels = new Levels(root, {
      adviser: options.transport,
      image: () => this.read?.image ?? null,
      show: (url) => this.#session && void this.#showPicture(this.#session, url),
    });
    this.#bar.onFilter = (filter) => this.stage.setFilter(filter);
  }

  /** Open the first image, and send what earlier visits left of others. */
  async start(imageId: number): Promise<void> {
    await this.open(imageId);
    await this.#couriers.start(imageId);
  }

  get bench(): Workbench | null {
    return this.#session?.bench ?? null;
  }

  get carry(): Carry | null {
    return this.#session?.carry ?? null;
  }

  get read(): DocumentWire | null {
    return this.#session?.document ?? null;
  }

  tool(): Tool | null {
    return this.carry?.isBusy ? this.carry : (this.#session?.tools.get(this.#toolName) ?? null);
  }

  /** Open an image; what waits of the one before stays in the journal and goes on its own. */
  async open(imageId: number, isBack = false): Promise<void> {
    const opening = ++this.#opening;
    this.tool()?.cancel();
    this.#options.root.setAttribute("data-loading", "");
    const before = this.#session;
    if (before?.document.image.id === imageId) {
      this.#session = null;
      await before.outbox.close();
    }
    await this.#couriers.giveBack(imageId);
    const opened = await Session.open({
      ...this.#options,
      imageId,
      brush: this.#brush,
      ...clicking(this, this.#options.transport),
      readPixels: (region) => this.#picture && readPixels(this.#picture, region),
      onState: (state) => {
        if (opening === this.#opening) this.#saving.show(state);
      },
    });
    if (opening !== this.#opening) return;
    if (!(opened instanceof Session)) {
      this.#openFailed(opened, imageId, isBack);
      return;
    }
    const previous = this.#session;
    this.#session = opened;
    if (previous) this.#couriers.take(previous.document.image.id, previous.outbox);
    this.#documents.keep(opened.document);
    const path = `/labeling/images/${imageId}/`;
    if (!isBack && location.pathname !== path) history.pushState({ imageId }, "", path);
    this.#showSession(opened);
  }

  pickTool(name: string): void {
    this.tool()?.cancel();
    this.#toolName = this.#session?.tools.has(name) === false ? "select" : name;
    if (this.bench && !fitLabel(this.bench, this.#toolName)) this.notice("notSo");
    this.stage.root.style.cursor = "";
    this.#bar.showTool(this.#toolName);
    this.stage.repaint("overlay");
  }

  /** Do something to the workbench, once no gesture is half done. */
  onBench(run: (bench: Workbench) => void): void {
    const bench = this.bench;
    if (!bench || this.tool()?.isBusy) return;
    run(bench);
  }

  escape(): void {
    const tool = this.tool();
    if (tool?.isBusy) tool.cancel();
    else {
      this.bench?.select([]);
      this.bench?.proposals.focus(null);
    }
    this.stage.repaint("overlay");
  }

  undo(): void {
    const tool = this.tool();
    if (tool?.stepBack?.()) return;
    if (tool?.isBusy) tool.cancel();
    else this.bench?.editor.undo();
  }

  redo(): void {
    if (!this.tool()?.isBusy) this.bench?.editor.redo();
  }

  scaleBrush(factor: number): void {
    this.#brush.scale(factor);
    this.stage.repaint("overlay");
  }

  toggleProposals(): void {
    this.stage.areProposalsShown = !this.stage.areProposalsShown;
  }

  toggleCrosshair(): void {
    this.#hasCrosshair = !this.#hasCrosshair;
    this.stage.repaint("overlay");
  }

  toggleAdjust(): void {
    this.#bar.toggleAdjust();
    void this.#levels.offer();
  }

  togglePanel(): void {
    this.#options.root.toggleAttribute("data-panel-toggled");
  }

  toggleGuide(): void {
    toggleGuide(this.#session?.document.project.guide || this.#options.words("noGuide"));
  }

  toggleKeys(): void {
    this.#keysDialog.toggle();
  }

  toggleWalk(): void {
    this.onBench((bench) => {
      if (!this.#walk.toggle(bench)) this.notice("nothingToWalk");
    });
  }

  zoomToSelection(): void {
    const shapes = this.bench?.selectedShapes() ?? [];
    if (shapes.length > 0) this.stage.fit(boundsOfAll(shapes));
  }

  step(which: "next_id" | "previous_id"): void {
    const id = this.#session?.document[which];
    if (id) void this.open(id);
  }

  submit(): Promise<void> {
    return this.#handIn.submit();
  }

  notice(key: string, values: Readonly<Record<string, string | number>> = {}): void {
    this.#notices.say(this.#options.words(key, values));
  }

  #showSession(session: Session): void {
    const { document: read, bench } = session;
    this.#options.root.removeAttribute("data-loading");
    bench.subscribe((topic) => this.#follow(topic));
    this.#unwatch();
    this.#unwatch = watchPalette(this.#options.root, bench.labels, (palette) => {
      this.#palette = palette;
      this.stage.setPalette(palette);
    });
    this.#picture = null;
    this.stage.show(bench, null);
    this.#bar.showImage(read);
    this.#sidebar.show(bench);
    this.#walk.end();
    void this.#showCalibration(session);
    this.#showHistory();
    this.#saving.show(session.outbox.state);
    this.#bar.showTools(Array.from(session.tools.keys()));
    this.pickTool(fittingTool(bench, this.#toolName, session.tools.keys()));
    if (bench.labels.length === 0) this.notice("noLabels");
    void this.#showPicture(session).then(() => this.#levels.offer());
    void this.#strip.show(read);
    void this.#review.show(read);
  }

  async #showPicture(session: Session, url?: string): Promise<void> {
    const picture = await pictureOf(session.document.image, url, {
      adviser: this.#options.transport,
      pictures: this.#pictures,
      tiles: this.#options.tiles,
      repaint: () => this.stage.repaint("image"),
      notice: (key, values) => this.notice(key, values),
    });
    if (session !== this.#session) return letGo(picture);
    this.#picture = picture;
    this.stage.showPicture(picture);
    if (!picture) this.notice("imageBroken");
    const next = session.document.next_id;
    const ahead = next === null ? null : await this.#documents.get(next);
    if (ahead) void this.#pictures.get(firstUrl(ahead.image));
  }

  async #showCalibration({ bench, document: read }: Session): Promise<void> {
    if (bench.proposals.all.length === 0) return;
    const calibration = await this.#documents.calibration(read.project.id);
    if (bench === this.bench) this.#sidebar.showCalibration(calibration);
  }

  #openFailed(failure: Failure, imageId: number, isBack: boolean): void {
    const isGone = failure.name === "gone" || failure.name === "refused";
    this.notice(isGone ? "imageGone" : "loadFailed");
    if (isGone) return;
    const opening = this.#opening;
    const again = () => opening === this.#opening && void this.open(imageId, isBack);
    setTimeout(again, RETRY_MS);
  }

  #follow(topic: Topic): void {
    if (topic === "shapes" || topic === "selection") this.#walk.refresh();
    else if (topic === "refused") this.notice("notSo");
    else if (topic === "settings") this.#fitTool();
    const isGesture = topic === "shapes" && this.bench?.editor.isOpen;
    if (topic !== "settings") {
      const hasShapes = topic !== "hover" && !isGesture;
      this.stage.repaint(...(hasShapes ? (["shapes"] as const) : []), "overlay");
    }
    this.#sidebar.follow(topic);
    if (topic === "shapes") this.#showHistory();
  }

  #fitTool(): void {
    const session = this.#session;
    if (!session) return;
    const name = fittingTool(session.bench, this.#toolName, session.tools.keys());
    if (name !== this.#toolName) this.pickTool(name);
  }

  #showHistory(): void {
    const editor = this.bench?.editor;
    this.#bar.showHistory(editor?.nextUndo ?? null, editor?.nextRedo ?? null);
    this.#sidebar.showHistory();
  }

  #showCamera(camera: Camera): void {
    find("[data-zoom]", HTMLOutputElement).textContent = `${Math.round(camera.zoom * 100)} %`;
    this.#review.follow(camera);
  }

  #setting() {
    const bench = this.bench;
    if (!bench || !this.#palette) return null;
    return { bench, palette: this.#palette, picture: this.#picture };
  }
}
