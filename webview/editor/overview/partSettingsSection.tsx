import { useEffect } from "preact/hooks";
import { plural } from "../../../src/core/text/quantities";
import { safeText } from "../../ui/safeText";
import { Banner } from "../../ui/states";
import { FoldedRows } from "./foldedRows";
import type { OverviewProps } from "./overviewTab";

/** Schedule, training arguments and random states in files beside the weights. Read when the Overview is shown. */
export function PartSettingsSection({ model, summary }: OverviewProps) {
  const { partSettings } = model;
  const hasFiles = (summary.contents ?? []).some(({ label }) => label !== "optimizer state");
  const generation = model.state.value?.generation;
  useEffect(() => {
    if (hasFiles) partSettings.ensureLoaded();
  }, [partSettings, hasFiles, generation]);
  const answer = partSettings.answer.value;
  if (!hasFiles || answer.status === "waiting" || answer.status === "not asked") return null;
  if (answer.status !== "ready") {
    return (
      <Banner
        tone="error"
        action={{ label: "Try again", onClick: () => void partSettings.ask() }}
      >{`The files beside the weights could not be read. ${answer.status === "failed" ? safeText(answer.error.message) : ""}`}</Banner>
    );
  }
  return (
    <>
      {answer.value.flatMap(({ file, label, groups, failure }) =>
        failure === undefined
          ? groups.map(({ title, rows }) => (
              <FoldedRows
                key={`${file} ${title}`}
                model={model}
                title={groups.length === 1 ? safeText(file) : safeText(`${file}: ${title}`)}
                note={`${label}, ${plural(rows.length, "entry", "entries")}`}
                rows={rows}
              >
                <button type="button" class="link" onClick={() => model.showContent(file)}>
                  Show all of it
                </button>
              </FoldedRows>
            ))
          : [<Banner key={file} tone="error">{`${safeText(file)}: ${safeText(failure)}`}</Banner>],
      )}
    </>
  );
}
