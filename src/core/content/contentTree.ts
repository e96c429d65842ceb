import { type ContentValue, FloatValue } from "../formats/contentValue";
import { childrenOf, sequenceOf } from "../formats/contentView";
import type { FileContent } from "../formats/format";
import { isSecret, maskedSecret } from "../text/secretKeys";
import { describeValue, tensorLine, typeLabel } from "./describeValue";

/** One row of the content tree, ready to be shown. Plain data. */
export interface ContentNode {
  readonly key: string;
  /** As Python calls it: "dict", "AdamW", "tensor". */
  readonly type: string;
  /** The value in one line, or what there is of it. */
  readonly text: string;
  readonly childCount: number;
  /** Name in the table of tensors. */
  readonly tensor?: string;
  /** A long run of numbers: worth a line, not a page of rows. */
  readonly collapsed?: true;
  /** The value contains itself: it is not opened again. */
  readonly cycle?: true;
}

/** Some of the children of a node. */
export interface ContentPage {
  readonly first: number;
  readonly total: number;
  readonly nodes: readonly ContentNode[];
  /** The whole value, with its first children. */
  readonly root?: ContentNode;
}

/** Positions among the children, from the root on: keys may repeat and be anything. */
export type ContentPath = readonly number[];

const contentPageSize = 200;

/** Numbers beyond this are a state of a generator or a list of ids. */
const collapsedItems = 32;

export function rootNode(content: FileContent): ContentNode {
  return describe("", content.root, content, []);
}

/** Undefined where the path leads nowhere. */
export function contentPage(
  content: FileContent,
  path: ContentPath,
  first = 0,
  size = contentPageSize,
): ContentPage | undefined {
  const ancestors = walk(content, path);
  const value = ancestors?.at(-1);
  if (ancestors === undefined || value === undefined) return undefined;
  const children = openChildren(value, content);
  const nodes: ContentNode[] = [];
  const end = Math.min(children.count, first + Math.min(size, contentPageSize));
  for (let at = Math.max(0, first); at < end; at++) {
    nodes.push(describe(children.label(at), children.value(at), content, ancestors));
  }
  return { first, total: children.count, nodes };
}

/** The values from the root to the one that a path names. */
function walk(content: FileContent, path: ContentPath): ContentValue[] | undefined {
  const values: ContentValue[] = [content.root];
  for (const at of path) {
    const children = openChildren(values.at(-1) as ContentValue, content);
    if (!Number.isInteger(at) || at < 0 || at >= children.count) return undefined;
    values.push(children.value(at));
  }
  return values;
}

/** A tensor is a leaf: the arguments of the call that rebuilds it say nothing more than its row. */
function openChildren(value: ContentValue, content: FileContent) {
  return childrenOf(content.tensors.has(value) ? null : value);
}

function describe(
  key: string,
  value: ContentValue,
  content: FileContent,
  ancestors: readonly ContentValue[],
): ContentNode {
  const tensor = content.tensors.get(value);
  if (tensor !== undefined) {
    return { key, type: "tensor", text: tensorLine(tensor), childCount: 0, tensor: tensor.name };
  }
  const type = typeLabel(value, content.describe);
  if (typeof value === "string" && isSecret(key, value)) {
    return { key, type, text: maskedSecret, childCount: 0 };
  }
  if (value !== null && typeof value === "object" && ancestors.includes(value)) {
    return { key, type, text: "contains itself", childCount: 0, cycle: true };
  }
  const childCount = openChildren(value, content).count;
  const text = describeValue(value, content.describe);
  return { key, type, text, childCount, ...(isLongNumberRun(value) ? { collapsed: true as const } : {}) };
}

function isLongNumberRun(value: ContentValue): boolean {
  const items = sequenceOf(value);
  if (items === undefined || items.length <= collapsedItems) return false;
  // A look at some of them is enough for a row's shape.
  return items
    .slice(0, collapsedItems)
    .every((item) => typeof item === "number" || item instanceof FloatValue);
}
