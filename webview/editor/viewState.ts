import type { StatisticId } from "../../src/core/analysis/statisticColumns";
import type { WritableDtype } from "../../src/core/tensors/encode";
import type { TensorSortKey } from "../../src/core/tensors/tensorQuery";
import type { ReductionOptions, ReductionRule } from "../../src/core/transform/reductionPlan";
import type { SortOrder } from "../ui/tables/dataTable";
import { allClosed, type Expansion } from "./tensors/expansion";
import { startValues, type ValuesViewState } from "./values/valuesModel";

/** Where the user is in the editor: what outlives the page, which is destroyed whenever its tab is hidden. */
export interface EditorViewState {
  /** Undefined until the user chooses one: then it depends on the file. */
  readonly tab: string | undefined;
  /** The last state of the file that the user saw. */
  readonly generation: number;
  readonly tensors: TensorsViewState;
  readonly lora: LoraViewState;
  readonly content: ContentViewState;
  readonly optimizer: OptimizerViewState;
  /** Sections of the Overview that are not as they are at first. */
  readonly toggledSections: readonly string[];
  /** How far each part is scrolled. */
  readonly scrollTops: Readonly<Record<string, number>>;
}

export interface TensorsViewState {
  readonly view: "tree" | "table";
  readonly text: string;
  readonly regex: boolean;
  readonly dtypes: readonly string[];
  /** Of those that a scan marked against the same tensors of other layers. */
  readonly onlyOutliers: boolean;
  readonly sort: SortOrder<TensorSortKey | StatisticId>;
  /** The columns are those of a scan, once there is one. */
  readonly showsNumbers: boolean;
  readonly expansion: Expansion;
  readonly selected: Selection | undefined;
  /** Share of the room that the detail pane takes. */
  readonly detailShare: number;
  readonly detailPart: DetailPart;
  /** The detail has the whole tab. */
  readonly detailAlone: boolean;
  readonly values: ValuesViewState;
}

/** What is shown of the selected tensor. */
export type DetailPart = "summary" | "values" | "picture";

/** A row of the Tensors tab, named so that it is found again after the file has changed. */
export interface Selection {
  readonly kind: "tensor" | "module";
  readonly name: string;
}

export type LoraColumn =
  | "module"
  | "rank"
  | "alpha"
  | "scale"
  | "shape"
  | "normA"
  | "normB"
  | "frobenius"
  | "baseRatio"
  | "spectral"
  | "stableRank"
  | "effectiveRank"
  | "rank99";

export interface LoraViewState {
  readonly text: string;
  readonly sort: SortOrder<LoraColumn>;
  readonly selected: string | undefined;
  readonly detailShare: number;
  readonly reduce: ReduceViewState;
}

export type ReduceColumn = "module" | "before" | "rank" | "energy" | "error" | "size";

/** The form that lowers ranks. */
export interface ReduceViewState {
  readonly open: boolean;
  readonly kind: ReductionRule["kind"];
  readonly scope: ReductionOptions["scope"];
  /** One value a rule, so that switching between them loses none. */
  /** Undefined while the user has not chosen one. */
  readonly rank: number | undefined;
  readonly energy: number;
  readonly svFro: number;
  readonly svCumulative: number;
  readonly svRatio: number;
  readonly limit: number | undefined;
  readonly kohya: boolean;
  readonly dtype: WritableDtype | "source";
  /** Of the new snapshot; undefined while the user has not said otherwise than proposed. */
  readonly name: string | undefined;
  readonly folder: string | undefined;
  readonly sort: SortOrder<ReduceColumn>;
}

export interface ContentViewState {
  /** Paths of the open rows, their positions joined by dots. */
  readonly opened: readonly string[];
  readonly selected: string | undefined;
  readonly hidePrefixes: boolean;
  /** Name of the folder's file that is shown, where it is not the one that is open. */
  readonly file?: string;
}

export interface OptimizerViewState {
  readonly optimizer: number;
  readonly text: string;
  /** Index of a parameter. */
  readonly selected: number | undefined;
  readonly detailShare: number;
}

export const startViewState: EditorViewState = {
  tab: undefined,
  generation: 0,
  tensors: {
    view: "tree",
    text: "",
    regex: false,
    dtypes: [],
    onlyOutliers: false,
    sort: { column: "name", descending: false },
    showsNumbers: true,
    expansion: allClosed,
    selected: undefined,
    detailShare: 0.36,
    detailPart: "summary",
    detailAlone: false,
    values: startValues,
  },
  lora: {
    text: "",
    sort: { column: "module", descending: false },
    selected: undefined,
    detailShare: 0.4,
    reduce: {
      open: false,
      kind: "rank",
      scope: "module",
      rank: undefined,
      energy: 0.95,
      svFro: 0.95,
      svCumulative: 0.9,
      svRatio: 10,
      limit: undefined,
      kohya: false,
      dtype: "source",
      name: undefined,
      folder: undefined,
      sort: { column: "module", descending: false },
    },
  },
  content: { opened: [], selected: undefined, hidePrefixes: false },
  optimizer: { optimizer: 0, text: "", selected: undefined, detailShare: 0.34 },
  toggledSections: [],
  scrollTops: {},
};

/** What was saved, and for what it lacks, as after an update of the extension, where one starts. */
export function viewStateFrom(saved: Partial<EditorViewState>): EditorViewState {
  return {
    ...startViewState,
    ...saved,
    tensors: {
      ...startViewState.tensors,
      ...saved.tensors,
      values: { ...startValues, ...saved.tensors?.values },
    },
    lora: {
      ...startViewState.lora,
      ...saved.lora,
      reduce: { ...startViewState.lora.reduce, ...saved.lora?.reduce },
    },
    content: { ...startViewState.content, ...saved.content },
    optimizer: { ...startViewState.optimizer, ...saved.optimizer },
  };
}
