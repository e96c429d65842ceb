import {
  fileBytesPerTensor,
  maxCollectedTensors,
  maxListedProblems,
  maxTensorNameCharacters,
  maxWalkedDepth,
  maxWalkedValues,
  smallFileNameCharacters,
  smallFileTensors,
  smallFileWalkedValues,
} from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { ProblemList } from "../../problem/problemList";
import type { Tensor } from "../../tensors/tensor";
import { dotted } from "../../text/dotted";
import { formatCount } from "../../text/quantities";
import { type ContentChildren, type ContentValue, ListValue } from "../contentValue";
import { childrenOf } from "../contentView";
import { PyObject } from "../pickle/pickleValue";
import { toTensor } from "./rebuiltTensor";
import type { TensorBuilder } from "./tensorBuilder";

export interface CollectedTensors {
  readonly tensors: readonly Tensor[];
  /** The tensor that an object stands for, under the first name it was found by. */
  readonly byObject: ReadonlyMap<ContentValue, Tensor>;
  /** Objects of which more is known than the tensor. */
  readonly withAttributes: ReadonlySet<ContentValue>;
  readonly problems: readonly Problem[];
}

/** A recurrent layer that was saved as an object lists its parameters once more, and its state dict has none of these. */
const flatWeights = "_flat_weights";

/** One level of the walk: where in a value's children it stands. */
interface Level {
  readonly object: ContentValue;
  readonly children: ContentChildren;
  readonly path: string;
  next: number;
  /** Tensors found before this level began. */
  readonly before: number;
}

/**
 * Finds all tensors in a value and names each by its path, joined with dots. Iterative, because values nest as
 * deep as a file wants. A container that holds no tensors is walked once; one that does is walked under each of
 * its names, up to limits, because sharing can make few bytes look like any number of tensors.
 */
export function collectTensors(
  root: ContentValue,
  builder: TensorBuilder,
  fileBytes: number,
): CollectedTensors {
  return new Walk(builder, fileBytes).run(root);
}

class Walk {
  private readonly tensors: Tensor[] = [];
  private readonly byObject = new Map<ContentValue, Tensor>();
  private readonly withAttributes = new Set<ContentValue>();
  private readonly problems = new ProblemList(maxListedProblems);
  private readonly levels: Level[] = [];
  private readonly ancestors = new Set<ContentValue>();
  private readonly barren = new Set<ContentValue>();
  private walked = 0;
  private nameCharacters = 0;
  private readonly maxTensors: number;
  private readonly maxNameCharacters: number;
  private readonly maxWalked: number;

  constructor(
    private readonly builder: TensorBuilder,
    fileBytes: number,
  ) {
    this.maxTensors = Math.min(maxCollectedTensors, smallFileTensors + fileBytes / fileBytesPerTensor);
    this.maxNameCharacters = Math.min(maxTensorNameCharacters, smallFileNameCharacters + fileBytes);
    this.maxWalked = Math.min(maxWalkedValues, smallFileWalkedValues + fileBytes);
  }

  run(root: ContentValue): CollectedTensors {
    this.visit(root, "");
    for (let level = this.levels.at(-1); level !== undefined; level = this.levels.at(-1)) {
      if (level.next === level.children.count) this.leave(level);
      else if (this.isExhausted()) break;
      else {
        const at = level.next++;
        const child = level.children.value(at);
        if (child === null || typeof child !== "object") continue;
        const label = level.children.label(at);
        if (label === flatWeights && child instanceof ListValue) continue;
        const path = dotted(level.path, label);
        if (this.nameCharacters + path.length > this.maxNameCharacters) {
          this.reportTooMany();
          break;
        }
        this.visit(child, path);
      }
    }
    const { tensors, byObject, withAttributes } = this;
    return { tensors, byObject, withAttributes, problems: this.problems.toArray() };
  }

  private visit(value: ContentValue, path: string): void {
    this.walked++;
    if (this.ancestors.has(value) || this.barren.has(value)) return;
    const rebuilt = value instanceof PyObject ? this.builder.build(value) : undefined;
    if (rebuilt === undefined) {
      this.enter(value, childrenOf(value), path);
      return;
    }
    const tensor = toTensor(rebuilt, path);
    this.tensors.push(tensor);
    this.nameCharacters += path.length;
    if (!this.byObject.has(value)) this.byObject.set(value, tensor);
    this.reportAbsent(tensor);
    if (rebuilt.attributes === undefined) return;
    this.withAttributes.add(value);
    this.enter(value, childrenOf(rebuilt.attributes), path);
  }

  private enter(object: ContentValue, children: ContentChildren, path: string): void {
    if (children.count === 0) return;
    if (this.levels.length >= maxWalkedDepth) {
      this.reportDepth();
      return;
    }
    this.ancestors.add(object);
    this.levels.push({ object, children, path, next: 0, before: this.tensors.length });
  }

  private leave(level: Level): void {
    this.levels.pop();
    this.ancestors.delete(level.object);
    if (this.tensors.length === level.before && !this.byObject.has(level.object))
      this.barren.add(level.object);
  }

  private isExhausted(): boolean {
    if (this.tensors.length < this.maxTensors && this.walked < this.maxWalked) return false;
    this.reportTooMany();
    return true;
  }

  private reportTooMany(): void {
    const message = "The file refers to more tensors than can be listed. The first ones are shown.";
    this.problems.add({ severity: "warning", code: "TooManyTensors", message });
  }

  private reportDepth(): void {
    if (this.problems.has("TooDeep")) return;
    const message = `The file's value nests deeper than ${formatCount(maxWalkedDepth)} levels. Tensors further down are not listed.`;
    this.problems.add({ severity: "warning", code: "TooDeep", message });
  }

  private reportAbsent({ name, layout }: Tensor): void {
    const absent = layout?.storage.absent;
    if (absent === undefined || layout?.storage.key === "") return;
    this.problems.addLazily("TensorWithoutBytes", () => ({
      severity: "error",
      code: "TensorWithoutBytes",
      message: `Tensor ${JSON.stringify(name.slice(0, 200))} cannot be read: ${absent}`,
      tensor: name,
    }));
  }
}
