import { useEffect, useRef, useState } from "preact/hooks";
import { indexesOfPlace, placeOfIndexes } from "../../../src/core/values/findNotFinite";
import { cellIndex, type TensorSlice } from "../../../src/core/values/tensorSlice";
import { isAbortError } from "../../../src/protocol/channel";
import type { TensorPlace } from "../../../src/protocol/numbersCalls";
import type { EditorHost } from "../editorHost";
import type { ValuesModel } from "./valuesModel";

export interface NextNotFiniteProps {
  readonly host: EditorHost;
  readonly tensor: TensorPlace;
  readonly shape: readonly number[];
  readonly slice: TensorSlice;
  readonly values: ValuesModel;
}

/** Goes to the next value that is no finite number, after the active one and then from the beginning. */
export function NextNotFinite({ host, tensor, shape, slice, values }: NextNotFiniteProps) {
  const [result, setResult] = useState<string>();
  const searching = useRef<AbortController | undefined>(undefined);
  const [isSearching, setIsSearching] = useState(false);
  useEffect(() => () => searching.current?.abort(), [tensor.row, tensor.name]);
  useEffect(() => setResult(undefined), [tensor.row, tensor.name]);

  const search = async () => {
    searching.current?.abort();
    const controller = new AbortController();
    searching.current = controller;
    setResult(undefined);
    setIsSearching(true);
    const { row, column } = values.cell.peek();
    const here = placeOfIndexes(shape, cellIndex(slice, row, column));
    try {
      const ask = (from: number) => host.call("findNotFinite", { tensor, from }, controller.signal);
      const found = (await ask(here + 1)) ?? (await ask(0));
      if (controller.signal.aborted) return;
      if (found === undefined) setResult("All values are finite.");
      else goToPlace(values, slice, indexesOfPlace(shape, found));
    } catch (error) {
      if (!isAbortError(error)) setResult((error as Error).message);
    } finally {
      if (searching.current === controller) setIsSearching(false);
    }
  };

  return (
    <>
      <button
        type="button"
        class="chip"
        title={
          isSearching
            ? "Stop the search"
            : "Go to the next NaN or infinite value; reads the tensor from here on"
        }
        aria-pressed={isSearching}
        onClick={() => {
          if (isSearching) searching.current?.abort();
          else void search();
          if (isSearching) setIsSearching(false);
        }}
      >
        {isSearching ? "Searching…" : "Next NaN"}
      </button>
      {result !== undefined && <span role="status">{result}</span>}
    </>
  );
}

function goToPlace(values: ValuesModel, slice: TensorSlice, indexes: readonly number[]): void {
  const at = (axis: number | undefined) => (axis === undefined ? 0 : (indexes[axis] ?? 0));
  values.goTo({ row: at(slice.rowAxis), column: at(slice.columnAxis) }, { ...slice, indexes });
}
