import type { CheckpointSummary } from "../../src/core/checkpoint/summary";
import { faultsAmong, type Problem, worstSeverity } from "../../src/core/problem/problem";
import { formatCount } from "../../src/core/text/quantities";
import { eagerPart, type LazyPart, lazyPart } from "../ui/lazyPart";
import type { Tab } from "../ui/tabs";
import type { EditorModel } from "./editorModel";
import { OverviewTab } from "./overview/overviewTab";

export interface EditorTabProps {
  readonly model: EditorModel;
  readonly summary: CheckpointSummary;
}

export interface EditorTab {
  readonly id: string;
  readonly title: string;
  /** A tab is there only when it has something to say. */
  readonly isShown: (summary: CheckpointSummary, problems: readonly Problem[]) => boolean;
  /** A number after the title. */
  readonly badge?: (
    summary: CheckpointSummary,
    problems: readonly Problem[],
  ) => Pick<Tab<string>, "badge" | "badgeTone">;
  /** Scrolls as a whole, and is found again where it was left; the parts of the others scroll by themselves. */
  readonly scrolls: boolean;
  /** The first tab comes with the page, the others when they are shown. */
  readonly part: LazyPart<EditorTabProps>;
}

/** The tabs of the editor, in their order. The first is there for every file. */
export const editorTabs: readonly [EditorTab, ...EditorTab[]] = [
  { id: "overview", title: "Overview", isShown: () => true, scrolls: true, part: eagerPart(OverviewTab) },
  {
    id: "content",
    title: "Content",
    isShown: ({ content, contents }) => content !== undefined || contents !== undefined,
    scrolls: false,
    part: lazyPart(async () => (await import("./content/contentTab")).ContentTab),
  },
  {
    id: "tensors",
    title: "Tensors",
    isShown: ({ tensorCount }) => tensorCount > 0,
    badge: ({ tensorCount }) => ({ badge: formatCount(tensorCount) }),
    scrolls: false,
    part: lazyPart(async () => (await import("./tensors/tensorsTab")).TensorsTab),
  },
  {
    id: "optimizer",
    title: "Optimizer",
    isShown: ({ hasOptimizer }) => hasOptimizer === true,
    scrolls: false,
    part: lazyPart(async () => (await import("./optimizer/optimizerTab")).OptimizerTab),
  },
  {
    id: "training",
    title: "Training",
    isShown: ({ hasTraining }) => hasTraining === true,
    scrolls: true,
    part: lazyPart(async () => (await import("./training/trainingTab")).TrainingTab),
  },
  {
    id: "lora",
    title: "LoRA",
    isShown: ({ adapter }) => adapter?.comparable === true,
    scrolls: false,
    part: lazyPart(async () => (await import("./lora/loraTab")).LoraTab),
  },
  {
    id: "health",
    title: "Health",
    isShown: (summary, scanned) =>
      // Whether it is healthy is asked of whatever holds weights.
      summary.tensorCount > 0 ||
      summary.problems.length > 0 ||
      scanned.length > 0 ||
      summary.imports !== undefined ||
      summary.hasOptimizer === true ||
      summary.resumable.answer !== "no" ||
      // What lies beside may be what is wrong.
      summary.parts.length > 1,
    badge: (_, problems) =>
      problems.length === 0
        ? {}
        : {
            badge: formatCount(faultsAmong(problems).length || problems.length),
            badgeTone: worstSeverity(problems),
          },
    scrolls: true,
    part: lazyPart(async () => (await import("./health/healthTab")).HealthTab),
  },
];
