import { CheckpointError } from "../../problem/checkpointError";

/** A leaf of the tree that was saved. */
export interface OrbaxLeaf {
  /** Its keys, joined with dots: the name of its array. */
  readonly name: string;
  /** Else a number or text that is kept elsewhere, or nothing. */
  readonly isArray: boolean;
  /** What one process wrote of it; the array itself knows its shape. */
  readonly shape: readonly number[] | undefined;
}

export interface OrbaxTree {
  readonly leaves: readonly OrbaxLeaf[];
  /** A chunk that is not there was lost: arrays of nothing but the fill value were written as well. */
  readonly everyChunkStored: boolean;
  readonly settings: ReadonlyMap<string, string>;
}

type Json = Readonly<Record<string, unknown>>;

/** Reads `_METADATA` (orbax `metadata/tree.py`). @throws SyntaxError or CheckpointError where it is none. */
export function parseOrbaxMetadata(text: string): OrbaxTree {
  const root: unknown = JSON.parse(text);
  if (typeof root !== "object" || root === null)
    throw new CheckpointError("InvalidMetadata", "It is no object.");
  const { tree_metadata: tree, ...rest } = root as Json;
  const leaves = Object.values(typeof tree === "object" && tree !== null ? (tree as Json) : {}).flatMap(
    leafOf,
  );
  const settings = new Map<string, string>();
  for (const key of ["use_ocdbt", "use_zarr3", "store_array_data_equal_to_fill_value", "custom_metadata"]) {
    const value = (rest as Json)[key];
    if (value !== undefined && value !== null) settings.set(key, JSON.stringify(value));
  }
  const everyChunkStored = (rest as Json).store_array_data_equal_to_fill_value === true;
  return { leaves, everyChunkStored, settings };
}

function leafOf(entry: unknown): OrbaxLeaf[] {
  const { key_metadata: keys, value_metadata: value } = (entry ?? {}) as Json;
  if (!Array.isArray(keys)) return [];
  const name = keys.map((key) => String((key as Json | null)?.key ?? "")).join(".");
  const { value_type: type, write_shape: shape } = (value ?? {}) as Json;
  const isArray = typeof type === "string" && /array|scalar/i.test(type);
  const sizes = Array.isArray(shape) && shape.every((size) => Number.isSafeInteger(size) && size >= 0);
  return [{ name, isArray, shape: sizes ? (shape as number[]) : undefined }];
}
