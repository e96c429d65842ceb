import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { compareProblems, mergeProblems, type Problem } from "../../src/core/problem/problem";
import type { ResumeReport } from "../../src/core/resume/resumeReport";
import type { PartSettings } from "../../src/core/session/partSettings";
import type { ResultOf } from "../../src/protocol/channel";
import type { EditorHostCalls, EditorState } from "../../src/protocol/editorSurface";
import { PageModel } from "../shell/pageModel";
import { ContentModel } from "./content/contentModel";
import type { EditorHost } from "./editorHost";
import type { EditorTab } from "./editorTabs";
import { LoraModel } from "./lora/loraModel";
import { MeasureModel } from "./numbers/measureModel";
import { ScanModel } from "./numbers/scanModel";
import { OnDemand } from "./onDemand";
import { OptimizerModel } from "./optimizer/optimizerModel";
import { TensorDirectory } from "./tensors/tensorDirectory";
import { TensorsModel } from "./tensors/tensorsModel";
import type { EditorViewState } from "./viewState";

/** What the page knows and where the user is in it. */
export class EditorModel extends PageModel<EditorState> {
  /** The file was read again since the user last looked. */
  readonly changed = signal(false);
  readonly wantedTab: Signal<string | undefined>;
  readonly toggledSections: Signal<readonly string[]>;
  readonly tensors: TensorsModel;
  readonly lora: LoraModel;
  readonly content: ContentModel;
  readonly optimizer: OptimizerModel;
  readonly scan: ScanModel;
  readonly measure: MeasureModel;
  readonly training: OnDemand<ResultOf<EditorHostCalls, "training">>;
  readonly resume: OnDemand<ResumeReport>;
  readonly partSettings: OnDemand<readonly PartSettings[]>;
  /** Needs the other files of the checkpoint, so it is asked for when the page is there. */
  readonly health: OnDemand<readonly Problem[]>;
  /** All that is known to be wrong by now, the worst first. */
  readonly problems: ReadonlySignal<readonly Problem[]>;
  /** Whether an adapter fits its base: what is worst of it, or that all is well, or that it was not looked at. */
  readonly baseFit: ReadonlySignal<Problem | undefined>;
  /** Not a signal: nothing is drawn differently for it. */
  readonly scrollTops: Record<string, number>;
  onScroll: () => void = () => {};

  readonly tabs: ReadonlySignal<readonly EditorTab[]>;
  readonly tab: ReadonlySignal<EditorTab>;

  private readonly directory: TensorDirectory;
  private seenGeneration: number;
  /** Asked for by the user, who then need not be told. */
  private reloading = false;

  constructor(
    readonly host: EditorHost,
    viewState: EditorViewState,
    tabs: readonly [EditorTab, ...EditorTab[]],
  ) {
    super(() => host.call("ready", null));
    this.seenGeneration = viewState.generation;
    this.wantedTab = signal(viewState.tab);
    this.toggledSections = signal(viewState.toggledSections);
    this.scrollTops = { ...viewState.scrollTops };
    this.directory = new TensorDirectory(host);
    this.scan = new ScanModel(host);
    this.measure = new MeasureModel(host);
    this.tensors = new TensorsModel(this.directory, this.scan, viewState.tensors);
    this.lora = new LoraModel(host, viewState.lora, () => this.health.invalidate());
    this.content = new ContentModel(host, viewState.content);
    this.optimizer = new OptimizerModel(host, viewState.optimizer);
    this.training = new OnDemand((wanted) => host.call("training", null, wanted));
    this.resume = new OnDemand((wanted) => host.call("resume", null, wanted));
    this.partSettings = new OnDemand((wanted) => host.call("partSettings", null, wanted));
    this.health = new OnDemand((wanted) => host.call("health", null, wanted));
    this.problems = computed(() => {
      const state = this.state.value;
      const health = this.health.answer.value;
      const own = state?.status === "ready" ? state.summary.problems : [];
      const found = health.status === "ready" ? health.value.filter(({ code }) => !noFault.has(code)) : [];
      return mergeProblems(mergeProblems(own, found), this.scan.problems.value);
    });
    this.baseFit = computed(() => {
      const health = this.health.answer.value;
      const told = health.status === "ready" ? health.value : [];
      return [...told].sort(compareProblems).find(({ code }) => code.startsWith("Base"));
    });
    this.tabs = computed(() => {
      const state = this.state.value;
      if (state?.status !== "ready") return [];
      return tabs.filter(({ isShown }) => isShown(state.summary, this.scan.problems.value));
    });
    this.tab = computed(() => {
      const wanted = this.wantedTab.value ?? this.firstTab();
      return this.tabs.value.find(({ id }) => id === wanted) ?? tabs[0];
    });
  }

  viewState(): EditorViewState {
    return {
      tab: this.wantedTab.value,
      generation: this.state.value?.generation ?? this.seenGeneration,
      tensors: this.tensors.viewState(),
      lora: this.lora.viewState(),
      content: this.content.viewState(),
      optimizer: this.optimizer.viewState(),
      toggledSections: this.toggledSections.value,
      scrollTops: { ...this.scrollTops },
    };
  }

  /** A state of the file, asked for or not. */
  receive(state: EditorState): void {
    const known = this.state.value;
    // Messages may overtake each other: `ready` is answered while a `changed` is on its way.
    if (known !== undefined && state.generation < known.generation) return;
    const isNew = known === undefined || state.generation > known.generation || known.status !== state.status;
    batch(() => {
      const isLater = this.seenGeneration > 0 && state.generation > this.seenGeneration;
      if (state.status !== "ready") this.changed.value = false;
      else if (isLater && !this.reloading) this.changed.value = true;
      this.reloading = false;
      this.seenGeneration = state.generation;
      this.state.value = state;
      if (isNew) this.invalidateAnswers();
      if (state.status === "ready") this.scan.rows = state.summary.tensorCount;
    });
    if (isNew) void this.scan.refresh().catch(() => undefined);
    if (state.status !== "ready") this.directory.stop();
    else if (isNew) this.directory.outdate();
  }

  reload(): void {
    this.reloading = true;
    this.host.notify("reload", null);
  }

  showTab(tab: string): void {
    this.wantedTab.value = tab;
  }

  showTensor(name: string): void {
    batch(() => {
      this.tensors.show({ kind: "tensor", name });
      this.showTab("tensors");
    });
  }

  /** A file of the folder that holds another part of the checkpoint. */
  showContent(file: string): void {
    batch(() => {
      this.content.show(file);
      this.showTab("content");
    });
  }

  /** A tensor of the optimizer's state, which is listed where its file is open. */
  showStateTensor(name: string): void {
    const file = this.optimizer.file();
    if (file === undefined) this.showTensor(name);
    else this.host.notify("open", { path: file });
  }

  showModule(path: string): void {
    batch(() => {
      this.tensors.view.value = "tree";
      this.tensors.show({ kind: "module", name: path });
      this.showTab("tensors");
    });
  }

  /** A module path in which `*` stands for the number of a layer. */
  showModules(path: string): void {
    if (path.includes("*")) {
      batch(() => {
        this.tensors.setPattern(`^${escapeForRegex(path).replaceAll("\\*", "\\d+")}\\b`);
        this.showTab("tensors");
      });
    } else this.showModule(path);
  }

  rememberScroll(name: string, scrollTop: number): void {
    this.scrollTops[name] = scrollTop;
    this.onScroll();
  }

  isSectionToggled(section: string): boolean {
    return this.toggledSections.value.includes(section);
  }

  toggleSection(section: string): void {
    const others = this.toggledSections.value.filter((each) => each !== section);
    this.toggledSections.value = this.isSectionToggled(section) ? others : [...others, section];
  }

  /** What the file is opened for. */
  private firstTab(): string {
    const state = this.state.value;
    return state?.status === "ready" && state.summary.kind === "optimizer" ? "optimizer" : "overview";
  }

  private invalidateAnswers(): void {
    this.lora.invalidate();
    this.content.invalidate();
    this.optimizer.invalidate();
    this.training.invalidate();
    this.resume.invalidate();
    this.partSettings.invalidate();
    this.health.invalidate();
    this.measure.invalidate();
  }
}

/** Answers to "does it fit its base?" in which nothing is wrong. */
const noFault: ReadonlySet<string> = new Set(["BaseFits", "BaseNotHere"]);

function escapeForRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
