import { type DiffNumbers, diffFields, type PairState, pairStates } from "../../compare/tensors/diffTable";
import { type JsonObject, jsonNumber, jsonString } from "../../json/parseJson";
import {
  arrayOf,
  encodePart,
  exactNumber,
  exactText,
  type PartFormat,
  type PartRows,
  parsePart,
} from "./partFile";

/** What was found of two tensors that are held against each other. */
export interface ComparedPair {
  /** Among all pairs of tensors that can be compared. */
  readonly index: number;
  readonly name: string;
  readonly state: PairState;
  readonly numbers: DiffNumbers | undefined;
  /** Why it failed. */
  readonly reason?: string;
}

/** A share of a comparison's values, as it is kept in a file. */
export type DiffPart = PartRows<ComparedPair>;

const format: PartFormat = {
  name: "checkpoint-explorer-comparison",
  word: "comparison",
  columns: diffFields,
};

export function encodeDiffPart(part: DiffPart): string {
  const rows = part.tensors.map(({ numbers, ...row }) => ({
    ...row,
    ...(numbers === undefined ? {} : { numbers: diffFields.map((field) => exactText(numbers[field])) }),
  }));
  return encodePart(format, part, rows);
}

/** @throws CheckpointError where the text is no part of a comparison, is cut, or has other numbers. */
export function parseDiffPart(text: string, file: string): DiffPart {
  const { head: _, ...part } = parsePart(text, file, format, rowOf);
  return part;
}

function rowOf(row: JsonObject): ComparedPair | undefined {
  const index = jsonNumber(row.get("index"));
  const name = jsonString(row.get("name"));
  const state = pairStates.find((each) => each === row.get("state"));
  const reason = jsonString(row.get("reason"));
  const found = row.get("numbers");
  const values = found === undefined ? undefined : arrayOf(found, exactNumber);
  if (index === undefined || !Number.isInteger(index) || name === undefined || state === undefined)
    return undefined;
  if ((values?.length ?? 0) !== (state === "compared" ? diffFields.length : 0)) return undefined;
  const entries = diffFields.map((field, at) => [field, values?.[at]]);
  return {
    index,
    name,
    state,
    numbers: values && (Object.fromEntries(entries) as unknown as DiffNumbers),
    ...(reason === undefined ? {} : { reason }),
  };
}
