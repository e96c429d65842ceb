import { safeText } from "../ui/safeText";
import type { EditorModel } from "./editorModel";

export interface TensorLinkProps {
  readonly model: EditorModel;
  readonly name: string;
  readonly text: string;
  /** It belongs to the optimizer's state, which may lie in a file of its own. */
  readonly ofState?: boolean;
}

/** In a cell of a table: it leads to the tensor in the Tensors tab. Not a tab stop of its own, the table is one. */
export function TensorLink({ model, name, text, ofState = false }: TensorLinkProps) {
  return (
    <button
      type="button"
      class="link mono ellipsis"
      tabIndex={-1}
      title={`Show ${safeText(name)} in Tensors`}
      onMouseDown={(event) => event.preventDefault()}
      onClick={(event) => {
        event.stopPropagation();
        if (ofState) model.showStateTensor(name);
        else model.showTensor(name);
      }}
    >
      {safeText(text)}
    </button>
  );
}
