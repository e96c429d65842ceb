import type { CompareView } from "../../../src/core/compare/compareView";
import type { Picture } from "../../../src/protocol/picture";
import type { CompareModel, ModuleDetail } from "../compareModel";

export type ReadyDetail = Extract<ModuleDetail, { readonly status: "ready" }>;

/** What the parts of the details are given. */
export interface DetailProps {
  readonly model: CompareModel;
  readonly view: CompareView;
  readonly detail: ReadyDetail;
}

/** What the answer holds for each column as they now stand: they may have moved since it was asked for. */
export function byColumn<T>(
  { columns }: CompareView,
  { paths }: ReadyDetail,
  answers: readonly (T | null)[] | undefined,
): readonly (T | undefined)[] {
  return columns.map(({ path }) => answers?.[paths.indexOf(path)] ?? undefined);
}

/** How charts hand over text and pictures. */
export function chartOutlets(model: CompareModel) {
  return {
    onCopy: model.copy,
    onSavePicture: (picture: Picture) => model.host.notify("savePng", picture),
  };
}
