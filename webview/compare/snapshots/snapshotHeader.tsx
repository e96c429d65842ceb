import { useState } from "preact/hooks";
import type { SnapshotColumn } from "../../../src/core/compare/compareView";
import { IconButton } from "../../charts/iconButton";
import { Icon } from "../../ui/icon";
import { MiddleEllipsis } from "../../ui/names/middleEllipsis";
import { safeText } from "../../ui/safeText";
import type { CompareModel } from "../compareModel";
import { ColumnActions } from "./columnActions";
import { ColumnMenu } from "./columnMenu";

export interface SnapshotHeaderProps {
  readonly model: CompareModel;
  readonly columns: readonly SnapshotColumn[];
  readonly at: number;
}

/** Our own type, so that nothing else that is dragged over a column is taken for one. */
const dragType = "application/x-checkpoint-column";

/** The head of a snapshot's column: what it is called and what can be done with it. */
export function SnapshotHeader({ model, columns, at }: SnapshotHeaderProps) {
  const column = columns[at] as SnapshotColumn;
  const paths = columns.map(({ path }) => path);
  const actions = new ColumnActions(model, paths, at);
  const [dropSide, setDropSide] = useState<"before" | "after">();
  const label = safeText(column.label);

  const onDragOver = (event: DragEvent) => {
    if (!event.dataTransfer?.types.includes(dragType)) return;
    event.preventDefault();
    const { left, width } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    setDropSide(event.clientX < left + width / 2 ? "before" : "after");
  };
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setDropSide(undefined);
    const from = paths.indexOf(event.dataTransfer?.getData(dragType) ?? "");
    if (from < 0 || from === at) return;
    const place = dropSide === "after" ? at + 1 : at;
    new ColumnActions(model, paths, from).moveTo(from < place ? place - 1 : place);
  };

  return (
    <th
      scope="col"
      class={`snapshot-head ${dropSide === undefined ? "" : `drop-${dropSide}`}`}
      draggable
      onDragStart={(event) => event.dataTransfer?.setData(dragType, column.path)}
      onDragOver={onDragOver}
      onDragLeave={() => setDropSide(undefined)}
      onDrop={onDrop}
    >
      <div class="snapshot-head-line">
        <button
          type="button"
          class="link snapshot-name"
          aria-label={label}
          title={`${safeText(column.path)}. Click to open.`}
          onClick={() => actions.open()}
        >
          <MiddleEllipsis text={column.label} tail={14} />
        </button>
        <ColumnMenu
          label={`Actions for ${label}`}
          items={[
            { label: "Open", onChoose: () => actions.open() },
            { label: "Set Stage…", onChoose: () => actions.setStage() },
            {
              label: "Reduce Rank…",
              disabled: column.rank === undefined,
              ...(column.rank === undefined ? { title: "It is no LoRA adapter" } : {}),
              onChoose: () => actions.reduceRank(),
            },
            {
              label: "Make Baseline",
              disabled: at === 0,
              ...(at === 0 ? { title: "It is the baseline" } : {}),
              onChoose: () => actions.makeFirst(),
            },
            { label: "Move Left", disabled: !actions.canMoveLeft, onChoose: () => actions.moveLeft() },
            { label: "Move Right", disabled: !actions.canMoveRight, onChoose: () => actions.moveRight() },
            {
              label: "Remove",
              disabled: !actions.canRemove,
              ...(actions.canRemove ? {} : { title: "A comparison needs two snapshots" }),
              onChoose: () => actions.remove(),
            },
          ]}
        />
      </div>
      <div class="snapshot-head-line">
        {at === 0 && (
          <span class="snapshot-baseline" title="The others are compared with this one">
            baseline
          </span>
        )}
        <span class="snapshot-moves">
          <IconButton
            label={`Move ${label} left`}
            disabled={!actions.canMoveLeft}
            onClick={(button) => {
              actions.moveLeft();
              keepFocus(button);
            }}
          >
            <Icon name="chevronRight" class="flipped" />
          </IconButton>
          <IconButton
            label={`Move ${label} right`}
            disabled={!actions.canMoveRight}
            onClick={(button) => {
              actions.moveRight();
              keepFocus(button);
            }}
          >
            <Icon name="chevronRight" />
          </IconButton>
        </span>
      </div>
    </th>
  );
}

/** The column moves in the document, which takes the focus from what is in it. */
function keepFocus(button: HTMLButtonElement): void {
  requestAnimationFrame(() => button.focus());
}
