import { signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { formatShape } from "../../../src/core/tensors/tensor";
import { formatBytes } from "../../../src/core/text/quantities";
import { type ValueDtype, valueDtype } from "../../../src/core/values/valueDtype";
import type { PackedInfo, TensorPlace } from "../../../src/protocol/numbersCalls";
import type { EditorModel } from "../editorModel";
import { OnDemand } from "../onDemand";
import type { LoadedTensors } from "../tensors/tensorDirectory";
import { CodesChoice } from "./codesChoice";

/** What is shown of a selected tensor: its own values, or those that its codes stand for. */
export interface ShownTensor {
  readonly place: TensorPlace;
  readonly shape: readonly number[];
  /** Undefined where nobody can tell the values. */
  readonly dtype: ValueDtype | undefined;
  /** Set where the tensor holds the codes of a packed weight, whichever is shown. */
  readonly packed: PackedInfo | undefined;
}

/** Kept from tensor to tensor: who looks at codes looks at codes. */
const showsCodes = signal(false);

const unpackedDtype = valueDtype("F32");

/** Undefined until it is known whether the tensor is packed. */
export function useShownTensor(
  model: EditorModel,
  { table }: LoadedTensors,
  row: number,
): ShownTensor | undefined {
  const [name, stored] = [table.name(row), table.dtype(row)];
  const asked = useMemo(
    () =>
      mayBePacked(stored)
        ? new OnDemand((wanted) => model.host.call("packedWeight", { tensor: { row, name } }, wanted))
        : undefined,
    [table, row, name, stored],
  );
  useEffect(() => {
    asked?.ensureLoaded();
    return () => asked?.cancel();
  }, [asked]);
  const answer = asked?.answer.value;
  const packed = answer?.status === "ready" ? answer.value : undefined;
  const own = valueDtype(stored);
  const isUnpacked = packed !== undefined && (own === undefined || !showsCodes.value);
  return useMemo(() => {
    if (answer !== undefined && answer.status !== "ready" && answer.status !== "failed") return undefined;
    return isUnpacked
      ? { place: { row, name, unpacked: true }, shape: packed.shape, dtype: unpackedDtype, packed }
      : { place: { row, name }, shape: table.shape(row), dtype: own, packed };
  }, [table, row, name, answer, isUnpacked]);
}

/** Types that codes are kept in, ggml's blocks among them; of all others the values are plain. */
function mayBePacked(dtype: string): boolean {
  return /^(?:[UI]8$|[UI]32$|F8_|Q|IQ|TQ|MXFP4|NVFP4)/.test(dtype);
}

export interface PackedChoiceProps {
  readonly shown: ShownTensor;
  /** Whether the stored codes can be shown at all. */
  readonly hasCodes: boolean;
}

/** How the weight is packed, and the choice between what it stands for and what is stored. */
export function PackedChoice({ shown, hasCodes }: PackedChoiceProps) {
  const { packed } = shown;
  if (packed === undefined) return null;
  const { scheme, shape, storedBytes } = packed;
  return (
    <div class="values-packed">
      {hasCodes && (
        <CodesChoice
          label="Which values are shown"
          ofCodes={showsCodes.value}
          onChoose={(codes) => (showsCodes.value = codes)}
        />
      )}
      <span class="dim">{`${scheme}: ${formatShape(shape)} in ${formatBytes(storedBytes)} with its scales`}</span>
    </div>
  );
}
