import type { Problem } from "../../problem/problem";
import type { Tensor } from "../../tensors/tensor";
import { formatCount, plural } from "../../text/quantities";
import { quote } from "../../text/quote";
import { joinSlices, type Slice } from "../joinSlices";
import type { JoinedParameter } from "./joinedParameter";
import { momentName } from "./joinedParameter";
import { type PartRules, partRules } from "./universalRules";
import type { ZeroModel, ZeroPart } from "./zeroModel";

/** What all parts of the model hold together. */
export interface MergedModel {
  readonly parameters: readonly JoinedParameter[];
  readonly others: readonly Tensor[];
  readonly copies: readonly Tensor[];
  readonly aliases: ReadonlyMap<string, string>;
}

/**
 * Parts of a pipeline hold other parameters each; parts of tensor parallelism hold a slice of the same ones, which are
 * put together where something says how they were cut, and else shown by the rank of the model.
 */
export function mergeModelParts(
  models: readonly ZeroModel[],
  parts: readonly ZeroPart[],
  report: (problem: Problem) => void,
): MergedModel {
  const [only] = models;
  if (only !== undefined && models.length === 1) return only;
  return new Merging(models, parts, report).merge();
}

/** What one part of the model has under a name. */
interface Own<T> {
  readonly at: number;
  readonly value: T;
}

class Merging {
  private readonly tensorSize: number;
  private readonly rules: PartRules;
  private readonly cut = new Set<string>();
  private readonly apart = new Map<string, string>();
  private readonly averaged = new Set<string>();

  constructor(
    private readonly models: readonly ZeroModel[],
    private readonly parts: readonly ZeroPart[],
    private readonly report: (problem: Problem) => void,
  ) {
    this.tensorSize = tensorSizeOf(models, parts);
    const states = parts.flatMap(({ model }) => model.flatMap((each) => each.states ?? []));
    this.rules = partRules(
      states.find(({ splitRules }) => splitRules !== undefined)?.splitRules,
      this.tensorSize,
    );
  }

  merge(): MergedModel {
    const aliases = new Map<string, string>();
    for (const model of this.models) for (const [alias, kept] of model.aliases) aliases.set(alias, kept);
    const merged = {
      parameters: this.gather(
        ({ parameters }) => parameters,
        (name, own) => this.parameter(name, own),
      ),
      others: this.gather(
        ({ others }) => others,
        (name, own) => this.tensors(name, name, own),
      ),
      copies: this.gather(
        ({ copies }) => copies,
        (name, own) => this.tensors(name.replace(/^module\./, ""), name, own),
      ),
      aliases: new Map([...aliases].filter(([, kept]) => !this.apart.has(kept))),
    };
    this.reportParts();
    return merged;
  }

  /** All of one kind, by name and block of tensor-parallel ranks; those of later stages of a pipeline under a name of their own. */
  private gather<T extends { readonly name: string }>(
    listOf: (model: ZeroModel) => readonly T[],
    join: (name: string, own: readonly Own<T>[]) => readonly T[],
  ): T[] {
    const blocks = new Map<string, Map<number, Own<T>[]>>();
    for (const [at, model] of this.models.entries()) {
      const block = Math.floor(model.modelRank / this.tensorSize);
      for (const value of listOf(model)) {
        const byBlock = blocks.get(value.name) ?? new Map<number, Own<T>[]>();
        byBlock.set(block, [...(byBlock.get(block) ?? []), { at, value }]);
        blocks.set(value.name, byBlock);
      }
    }
    return [...blocks].flatMap(([name, byBlock]) =>
      [...byBlock].flatMap(([block, own], turn) =>
        join(name, own).map((value) => (turn === 0 ? value : this.inStage(value, block))),
      ),
    );
  }

  /** Tied weights stand in the first and the last stage of a pipeline. */
  private inStage<T extends { readonly name: string }>(value: T, block: number): T {
    return renamed(value, `pp_rank_${block}.${value.name}`);
  }

  private parameter(name: string, own: readonly Own<JoinedParameter>[]): readonly JoinedParameter[] {
    const [first] = own;
    if (first === undefined) return [];
    const masters = this.join(
      name,
      name,
      own.flatMap(({ at, value }) => (value.master === undefined ? [] : [{ at, value: value.master }])),
    );
    const keys = new Set(own.flatMap(({ value }) => [...value.moments.keys()]));
    const moments = new Map<string, Tensor>();
    let isApart = masters === "apart";
    for (const key of keys) {
      const slices = own.flatMap(({ at, value }) => {
        const moment = value.moments.get(key);
        return moment === undefined ? [] : [{ at, value: moment }];
      });
      const joined = this.join(name, momentName(name, key), slices);
      if (joined === "apart") isApart = true;
      else if (joined !== undefined) moments.set(key, joined);
    }
    if (isApart || masters === "apart") {
      return own.map(({ at, value }) => renamed(value, this.apartName(at, name)));
    }
    const shape = masters?.shape ?? [...moments.values()][0]?.shape ?? first.value.shape;
    return [{ ...first.value, shape, master: masters, moments }];
  }

  private tensors(name: string, shown: string, own: readonly Own<Tensor>[]): readonly Tensor[] {
    const joined = this.join(name, shown, own);
    if (joined === "apart") return own.map(({ at, value }) => renamed(value, this.apartName(at, shown)));
    return joined === undefined ? [] : [joined];
  }

  /** @param name of the parameter; @param shown of the tensor, which may be a moment or a copy of it. */
  private join(name: string, shown: string, own: readonly Own<Tensor>[]): Tensor | "apart" | undefined {
    const [first] = own;
    if (first === undefined) return undefined;
    const block = Math.floor((this.models[first.at] as ZeroModel).modelRank / this.tensorSize);
    const ranks = Array.from({ length: this.tensorSize }, (_, rank) => block * this.tensorSize + rank);
    const present = ranks.filter((rank) => this.isThere(rank)).length;
    // What one rank alone holds is not cut.
    if (this.tensorSize === 1 || (own.length === 1 && present > 1)) return { ...first.value, name: shown };
    const rule = this.rules.ruleOf(name);
    if (rule === "average") this.averaged.add(name);
    if (rule === "whole" || rule === "average") return { ...first.value, name: shown };
    const slices = ranks.map((rank): Slice => {
      const held = own.find(({ at }) => this.models[at]?.modelRank === rank);
      if (held !== undefined) return { fileIndex: held.value.fileIndex, tensor: held.value };
      const part = this.parts.find(({ modelRank }) => modelRank === rank);
      const file = part?.ranks[0] ?? part?.model[0];
      const absent = this.isThere(rank)
        ? `part ${rank} of the model does not hold it`
        : `part ${rank} of the model is missing`;
      return { fileIndex: file?.fileIndex ?? first.value.fileIndex, tensor: undefined, absent };
    });
    const joined =
      rule === undefined ? { reason: "how it was cut is not told" } : joinSlices(shown, slices, rule);
    if ("reason" in joined) {
      this.apart.set(name, joined.reason);
      return "apart";
    }
    this.cut.add(name);
    return joined;
  }

  private isThere(rank: number): boolean {
    return this.models.some(
      ({ modelRank, parameters, others }) => modelRank === rank && parameters.length + others.length > 0,
    );
  }

  private apartName(at: number, name: string): string {
    return `mp_rank_${String(this.models[at]?.modelRank ?? at).padStart(2, "0")}.${name}`;
  }

  private reportParts(): void {
    const [example] = this.apart;
    if (example !== undefined) {
      const message = `${plural(this.apart.size, "parameter")}, such as ${quote(example[0])}, ${this.apart.size === 1 ? "is" : "are"} in ${formatCount(this.tensorSize)} parts of the model (mp_rank) that are not put together: ${example[1]}. Each part's own is shown.`;
      this.report({ severity: "info", code: "ModelParts", message });
    }
    if (this.cut.size > 0) {
      const message = `${plural(this.cut.size, "parameter")} ${this.cut.size === 1 ? "is" : "are"} cut over ${formatCount(this.tensorSize)} tensor-parallel ranks (mp_rank) and put together here, as ${this.rules.source}.`;
      this.report({ severity: "info", code: "JoinedParts", message });
    }
    const [averaged] = this.averaged;
    if (averaged !== undefined) {
      const message = `Of ${plural(this.averaged.size, "parameter")}, such as ${quote(averaged)}, each part of the model keeps its own, which ds_to_universal.py averages. That of the first is shown.`;
      this.report({ severity: "info", code: "AveragedParts", message });
    }
  }
}

/** As the save says; else as many parts as hold the same names. */
function tensorSizeOf(models: readonly ZeroModel[], parts: readonly ZeroPart[]): number {
  const told = parts
    .flatMap(({ model }) => model.flatMap((each) => each.states ?? []))
    .flatMap(({ tensorSize }) => tensorSize ?? [])[0];
  const all = Math.max(...models.map(({ modelRank }) => modelRank + 1));
  if (told !== undefined && told <= all) return told;
  const holders = new Map<string, number>();
  for (const model of models) {
    const names = [...model.parameters, ...model.others].map(({ name }) => name);
    for (const name of new Set(names)) holders.set(name, (holders.get(name) ?? 0) + 1);
  }
  const sizes = new Map<number, number>();
  for (const count of holders.values()) sizes.set(count, (sizes.get(count) ?? 0) + 1);
  const [most] = [...sizes].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  // Where a part has nothing, none can hold what it holds.
  const isGap = models.some(({ parameters, others }) => parameters.length + others.length === 0);
  if (most !== undefined && !isGap && all % most[0] === 0) return most[0];
  return [...holders.values()].some((count) => count > 1) || isGap ? all : 1;
}

function renamed<T extends { readonly name: string }>(value: T, name: string): T {
  if (!("moments" in value)) return { ...value, name };
  const parameter = value as unknown as JoinedParameter;
  const { master, moments } = parameter;
  return {
    ...value,
    name,
    master: master && { ...master, name },
    moments: new Map([...moments].map(([key, tensor]) => [key, { ...tensor, name: momentName(name, key) }])),
  };
}
