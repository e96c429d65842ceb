import { CheckpointError } from "../../problem/checkpointError";
import { maxTensorAxes } from "../../problem/limits";
import { type ContentValue, TupleValue } from "../contentValue";
import { attributesOf, mappingOf, membersOf, numberOf, sequenceOf, stringOf } from "../contentView";
import { PyGlobal, PyObject } from "../pickle/pickleValue";
import { type TorchDtype, torchDtype } from "../torch/torchDtype";

/** A box of a tensor, as one process saved it. */
export interface DcpChunk {
  readonly offsets: readonly number[];
  readonly sizes: readonly number[];
}

/** A tensor that `.metadata` lists. */
export interface DcpTensor {
  readonly name: string;
  /** Undefined where the pickle gives none that is known here. */
  readonly dtype: TorchDtype | undefined;
  /** What the pickle calls it. */
  readonly dtypeName: string;
  readonly shape: readonly number[];
  readonly chunks: readonly DcpChunk[];
}

/** Where the bytes of a chunk, or of a value that is no tensor, were written. */
export interface DcpItem {
  readonly file: string;
  readonly offset: number;
  readonly length: number;
  /** Compressions and the like, in the order in which they are undone. */
  readonly transforms: readonly string[];
}

/** What `.metadata`, the directory of a checkpoint of torch.distributed.checkpoint, says. */
export interface DcpMetadata {
  readonly tensors: readonly DcpTensor[];
  /** Names of values that are no tensors: a pickle each. */
  readonly values: readonly string[];
  /** Entries of neither kind, or that make no sense. */
  readonly unreadable: readonly string[];
  /** Keys from the root to each entry, where the planner kept them; they may hold dots. */
  readonly paths: ReadonlyMap<string, readonly (string | number)[]>;
  readonly items: ReadonlyMap<string, DcpItem>;
  /** Of items that make no sense. */
  readonly faultyItems: readonly string[];
}

/** The key of an item: equality of `MetadataIndex` is that of name and offset, its `index` is a hint. */
export function itemKey(name: string, offsets: readonly number[] | undefined): string {
  return offsets === undefined ? name : `${name}|${offsets.join(",")}`;
}

/**
 * Reads the value of `.metadata` (torch/distributed/checkpoint/metadata.py). The order of attributes is free, and which
 * there are depends on the version: `planner_data` from 2.0, `storage_meta` from 2.3.
 * @throws CheckpointError where it is no such value.
 */
export function parseDcpMetadata(root: ContentValue): DcpMetadata {
  const attributes = membersOf(root);
  const entries = mappingOf(attributes?.get("state_dict_metadata"));
  if (attributes === undefined || entries === undefined) {
    const message = ".metadata is no directory of torch.distributed.checkpoint: it lists no state dict.";
    throw new CheckpointError("NotDcpMetadata", message);
  }
  const tensors: DcpTensor[] = [];
  const values: string[] = [];
  const unreadable: string[] = [];
  for (const [key, entry] of entries.entries()) {
    const name = stringOf(key);
    if (name === undefined) {
      unreadable.push("(a name that is no text)");
      continue;
    }
    if (entry instanceof PyObject && entry.name === "BytesStorageMetadata") values.push(name);
    else {
      const tensor = tensorEntry(name, entry);
      if (tensor === undefined) unreadable.push(name);
      else tensors.push(tensor);
    }
  }
  const faultyItems: string[] = [];
  return {
    tensors,
    values,
    unreadable,
    paths: plannerPaths(attributes.get("planner_data")),
    items: readItems(attributes.get("storage_data"), faultyItems),
    faultyItems,
  };
}

function tensorEntry(name: string, entry: ContentValue): DcpTensor | undefined {
  const fields = attributesOf(entry);
  const shape = sizes(fields?.get("size"));
  const listed = sequenceOf(fields?.get("chunks"));
  if (fields === undefined || shape === undefined || listed === undefined) return undefined;
  const chunks: DcpChunk[] = [];
  for (const chunk of listed) {
    const box = attributesOf(chunk);
    const offsets = sizes(box?.get("offsets"));
    const chunkSizes = sizes(box?.get("sizes"));
    if (offsets === undefined || chunkSizes === undefined) return undefined;
    chunks.push({ offsets, sizes: chunkSizes });
  }
  const type = dtypeOf(fields.get("properties"));
  return {
    name,
    shape,
    chunks,
    dtypeName: type?.name ?? "?",
    dtype: type === undefined ? undefined : torchDtype(type.name),
  };
}

/** `TensorProperties`: a tuple that begins with the dtype (`__getstate__`), or attributes. */
function dtypeOf(properties: ContentValue | undefined): PyGlobal | undefined {
  if (!(properties instanceof PyObject)) return undefined;
  const { state } = properties;
  const first =
    attributesOf(properties)?.get("dtype") ?? (state instanceof TupleValue ? state.items[0] : undefined);
  return first instanceof PyGlobal && first.module === "torch" ? first : undefined;
}

/** A `torch.Size`, a tuple or a list of whole numbers. */
function sizes(value: ContentValue | undefined): readonly number[] | undefined {
  const items = sequenceOf(value);
  if (items === undefined || items.length > maxTensorAxes) return undefined;
  for (const item of items) {
    if (typeof item !== "number" || !Number.isSafeInteger(item) || item < 0) return undefined;
  }
  return items as readonly number[];
}

function plannerPaths(value: ContentValue | undefined): ReadonlyMap<string, readonly (string | number)[]> {
  const paths = new Map<string, readonly (string | number)[]>();
  for (const [key, path] of mappingOf(value)?.entries() ?? []) {
    const name = stringOf(key);
    const parts = sequenceOf(path);
    const isPath = parts?.every((part) => typeof part === "string" || typeof part === "number");
    if (name !== undefined && isPath === true && parts !== undefined && parts.length > 0)
      paths.set(name, parts as readonly (string | number)[]);
  }
  return paths;
}

function readItems(value: ContentValue | undefined, faulty: string[]): ReadonlyMap<string, DcpItem> {
  const items = new Map<string, DcpItem>();
  for (const [key, stored] of mappingOf(value)?.entries() ?? []) {
    const index = attributesOf(key);
    const name = stringOf(index?.get("fqn"));
    const place = attributesOf(stored);
    const file = stringOf(place?.get("relative_path"));
    const offset = numberOf(place?.get("offset"));
    const length = numberOf(place?.get("length"));
    if (name === undefined) continue;
    const at = index?.get("offset");
    const offsets = at === undefined || at === null ? undefined : sizes(at);
    if (file === undefined || !isCount(offset) || !isCount(length)) {
      faulty.push(name);
      continue;
    }
    const transforms = sequenceOf(place?.get("transform_descriptors"))?.map((each) => stringOf(each) ?? "?");
    items.set(itemKey(name, offsets), { file, offset, length, transforms: transforms ?? noTransforms });
  }
  return items;
}

const noTransforms: readonly string[] = [];

function isCount(value: number | undefined): value is number {
  return value !== undefined && Number.isSafeInteger(value) && value >= 0;
}
