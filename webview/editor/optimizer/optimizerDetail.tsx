import type { OptimizerRow } from "../../../src/core/optimizer/optimizerView";
import { formatShape } from "../../../src/core/tensors/tensor";
import { Button } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { safeName, safeText } from "../../ui/safeText";
import type { EditorModel } from "../editorModel";
import { MomentsSection } from "./momentsSection";
import { inferredMeaning, stateText } from "./optimizerColumns";
import { nameOf } from "./optimizerModel";
import { QuantisedSection } from "./quantisedSection";

export interface OptimizerDetailProps {
  readonly model: EditorModel;
  readonly row: OptimizerRow;
  readonly onCopy: (text: string, what: string) => void;
  readonly onClose: () => void;
}

/** All that the optimizer keeps of one parameter; each tensor leads to its row in Tensors. */
export function OptimizerDetail({ model, row, onCopy, onClose }: OptimizerDetailProps) {
  return (
    <div class="detail">
      <div class="detail-head">
        <span class="detail-name mono">{safeName(nameOf(row))}</span>
        <Button look="icon" label="Close the details" onClick={onClose}>
          <Icon name="close" />
        </Button>
      </div>
      {row.nameInferred && <p class="dim">{inferredMeaning}</p>}
      {row.name === undefined && (
        <p class="dim">
          The file has no names, and no model or adapter beside it fits in number and in every shape.
        </p>
      )}
      <table class="key-value-table plain" aria-label="State of the parameter">
        <tbody>
          <tr>
            <th scope="row">Parameter</th>
            <td>{`${row.index}${row.group === undefined ? ", in no group" : `, group ${row.group}`}`}</td>
          </tr>
          {row.shape !== undefined && (
            <tr>
              <th scope="row">Shape</th>
              <td class="mono">{formatShape(row.shape)}</td>
            </tr>
          )}
          {row.state.map((entry) => (
            <tr key={entry.key}>
              <th scope="row">
                <span class="mono">{safeText(entry.key)}</span>
              </th>
              <td>
                {entry.tensor === undefined ? (
                  <span class="mono wrap">{safeText(stateText(entry))}</span>
                ) : (
                  <StateLink model={model} tensor={entry.tensor} text={stateText(entry)} />
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <QuantisedSection model={model} row={row} />
      {row.state.length === 0 && <p class="dim">The optimizer keeps nothing of this parameter yet.</p>}
      <MomentsSection model={model} row={row} />
      <div class="button-row">
        <Button onClick={() => onCopy(nameOf(row), "parameter name")}>Copy name</Button>
      </div>
    </div>
  );
}

interface StateLinkProps {
  readonly model: EditorModel;
  readonly tensor: string;
  readonly text: string;
}

function StateLink({ model, tensor, text }: StateLinkProps) {
  return (
    <>
      <button type="button" class="link mono wrap" onClick={() => model.showStateTensor(tensor)}>
        {safeName(tensor)}
      </button>{" "}
      <span class="dim mono">{safeText(text)}</span>
    </>
  );
}
