import type { CompareTensorRow } from "../../../../src/core/compare/compareView";
import { realNames } from "../realNames";

/** The experts of a model, each third of them added, removed or of another shape. */
export function mixtureRows(): CompareTensorRow[] {
  const states: readonly Pick<CompareTensorRow, "cells" | "status">[] = [
    { cells: [null, "BF16 [2048, 7168]"], status: "added" },
    { cells: ["BF16 [2048, 7168]", null], status: "removed" },
    { cells: ["BF16 [2048, 7168]", "BF16 [2048, 2048]"], status: "shape" },
  ];
  return realNames["experts of DeepSeek"].flatMap((name, at) => {
    const state = states[at % states.length];
    return state === undefined ? [] : [{ name, ...state }];
  });
}
