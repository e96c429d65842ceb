import type { ComponentChildren } from "preact";
import type { Picture } from "../../src/protocol/picture";
import { ChartIcon } from "../charts/chartIcon";
import { IconButton } from "../charts/iconButton";
import { pngOf } from "../charts/picture";
import { Icon } from "../ui/icon";
import { type CellPicture, cellDrawing } from "./cellPicture";

export interface MapActionsProps {
  /** e.g. "the heat map" */
  readonly what: string;
  readonly asTable: boolean;
  readonly onTable: (asTable: boolean) => void;
  readonly picture: () => CellPicture;
  readonly onSavePicture: (picture: Picture) => void;
  /** Further buttons. */
  readonly children?: ComponentChildren;
}

/** Buttons of a map: its table, and its picture. */
export function MapActions({ what, asTable, onTable, picture, onSavePicture, children }: MapActionsProps) {
  const save = async () => {
    const { title, look, ...rest } = picture();
    const bytes = await pngOf(cellDrawing({ title, look, ...rest }), look.theme);
    onSavePicture({ bytes, name: title });
  };
  return (
    <>
      <IconButton
        label={asTable ? `Show ${what} as a map` : `Show ${what} as a table`}
        onClick={() => onTable(!asTable)}
      >
        {asTable ? <ChartIcon name="chart" /> : <Icon name="table" />}
      </IconButton>
      {!asTable && (
        <IconButton label={`Save ${what} as a PNG picture`} onClick={() => void save()}>
          <ChartIcon name="save" />
        </IconButton>
      )}
      {children}
    </>
  );
}
