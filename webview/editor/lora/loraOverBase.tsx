import { useMemo } from "preact/hooks";
import { formatAligned, formatShare } from "../../../src/core/text/quantities";
import { NameColumn } from "../../ui/names/nameColumn";
import { NameText } from "../../ui/names/nameText";
import { Empty } from "../../ui/states";
import { CopyTableButtons } from "../../ui/tables/copyTableButtons";
import { type Column, DataTable } from "../../ui/tables/dataTable";
import type { EditorModel } from "../editorModel";

/** How far a method without factors moves each weight: what the comparison with the base found. */
export function LoraOverBase({ model }: { readonly model: EditorModel }) {
  const { base, ratios } = model.lora;
  const answer = ratios.answer.value;
  const found = answer.status === "ready" ? answer.value.modules : [];
  const columns = useMemo((): readonly Column[] => {
    const names = NameColumn.of(found.map(({ module }) => module));
    const number = (id: string, title: string, help: string, text: (row: number) => string): Column => ({
      id,
      title,
      help,
      width: "96px",
      align: "end",
      cell: text,
      text,
    });
    const at = (row: number) => found[row] as (typeof found)[number];
    return [
      {
        id: "module",
        title: "Module",
        width: "minmax(160px, 1fr)",
        names,
        cell: (row, room) => <NameText name={at(row).module} names={names} room={room} />,
        text: (row) => at(row).module,
      },
      number("norm", "‖ΔW‖", "‖W′ − W‖: how far the weight moves", (row) => formatAligned(at(row).norm)),
      number("baseNorm", "‖W‖", "Norm of the base weight", (row) => formatAligned(at(row).baseNorm)),
      number("ratio", "of ‖W‖", "‖ΔW‖ / ‖W‖", (row) => formatShare(at(row).ratio)),
    ];
  }, [found]);
  if (answer.status !== "ready") {
    if (answer.status === "waiting" || base.answer.value.status !== "ready") return null;
    // The line above names the base and leads on.
    return <Empty title="What this method changes follows from the weights of its base model." />;
  }
  return (
    <>
      <div class="toolbar lora-toolbar">
        <span class="toolbar-rest">
          <CopyTableButtons
            columns={columns}
            count={found.length}
            onCopy={(text, what) => model.host.notify("copy", { text, what })}
          />
        </span>
      </div>
      <DataTable
        label="Modules over the base model"
        class="lora-rows"
        columns={columns}
        count={found.length}
        empty="No module could be held against the base model."
      />
    </>
  );
}
