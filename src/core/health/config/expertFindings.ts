import type { Problem, Severity } from "../../problem/problem";
import { formatShape, type Tensor } from "../../tensors/tensor";
import { plural } from "../../text/quantities";
import { quote } from "../../text/quote";
import { LayerFinder } from "./layerStacks";
import type { ModelConfig } from "./modelConfig";

const expertName = /\.experts\.(\d+)\./;
/** No layer has more; a damaged shape may say so. */
const maxExperts = 4096;
/** All experts of a layer in one tensor. */
const fusedName =
  /\.experts\.(?:gate_up_proj|down_proj)(?:_blocks)?$|\.block_sparse_moe\.input_linear\.weight$/;
/** A matrix of one expert; what quantisation or a bias adds, not every expert must have. */
const matrixName = /\.(?:weight|qweight|weight_packed)$/;
/** What gives each expert its share of a token: a row for each. */
const routerName = /\.(?:mlp\.gate|mlp\.router|block_sparse_moe\.gate|feed_forward\.router)\.weight$/;

interface Count {
  readonly layer: string;
  /** The tensors that were counted, with a star for the expert's number. */
  readonly kind: string;
  readonly present: Set<number>;
}

/** Experts that a layer lacks, whole or some of their matrices, and routers for more or fewer than there are. */
export function expertFindings(
  { experts }: Pick<ModelConfig, "experts">,
  tensors: readonly Tensor[],
): readonly Problem[] {
  const { counts, routers } = countExperts(tensors);
  if (counts.length === 0) return [];
  // Without a configuration the layers are held against each other; pruned models say in it how many each has.
  const most = Math.max(...counts.map(({ present }) => present.size));
  const expected = experts ?? most;
  const fewer = counts.filter(({ present }) => present.size < expected);
  const said = experts === undefined ? "Other layers hold" : "config.json says";
  const [first] = fewer.toSorted((a, b) => a.present.size - b.present.size);
  if (first !== undefined) {
    const { layer, kind, present } = first;
    // All of a layer's experts may lie under some of its names alone.
    const isAll = counts.every((one) => one.layer !== layer || one.present.size === present.size);
    const where =
      fewer.length === counts.length
        ? "the weights hold"
        : `${layer.slice(0, -1)} holds${isAll ? "" : ` of ${quote(kind)}`}`;
    const lost = Array.from({ length: Math.min(expected, maxExperts) }, (_, at) => at).filter(
      (at) => !present.has(at),
    );
    const which = !kind.includes("*") || lost.length > 5 ? "" : `, without ${lost.join(", ")}`;
    const message = `${said} ${plural(expected, "expert")}, ${where} ${present.size}${which}.`;
    return [finding("error", "ExpertsDisagree", message)];
  }
  if (most > expected) {
    const message = `${said} ${plural(expected, "expert")}, the weights hold ${most}.`;
    return [finding("warning", "ExpertsDisagree", message)];
  }
  const layers = new Set(counts.map(({ layer }) => layer));
  const router = routers.find(({ layer, tensor }) => layers.has(layer) && !tensor.shape.includes(expected));
  if (router === undefined) return [];
  const { name, shape } = router.tensor;
  const message = `The layers hold ${plural(expected, "expert")}, and ${name}, which chooses among them, is ${formatShape(shape)} (${shape[0]}): one of the two was cut, or belongs to another model.`;
  return [{ ...finding("error", "ExpertsDisagree", message), tensor: name }];
}

function countExperts(tensors: readonly Tensor[]) {
  const byKind = new Map<string, Count>();
  const routers: { readonly layer: string; readonly tensor: Tensor }[] = [];
  const finder = new LayerFinder();
  for (const tensor of tensors) {
    const { name, shape } = tensor;
    const layer = finder.of(name)?.path;
    if (layer === undefined) continue;
    if (routerName.test(name) && shape.length === 2) routers.push({ layer, tensor });
    const isFused = fusedName.test(name) && shape.length > 2;
    const expert = expertName.exec(name)?.[1];
    if (!isFused && (expert === undefined || !matrixName.test(name))) continue;
    const kind = name
      .slice(layer.length)
      .replace(/\bexperts\.\d+\./, "experts.*.")
      .replace(matrixName, "");
    const count = byKind.get(layer + kind) ?? { layer, kind, present: new Set() };
    byKind.set(layer + kind, count);
    const held = Math.min(isFused ? (shape[0] ?? 0) : 1, maxExperts);
    for (let at = 0; at < held; at++) count.present.add(Number(expert ?? at));
  }
  return { counts: [...byKind.values()], routers };
}

function finding(severity: Severity, code: string, message: string): Problem {
  return { severity, code, message };
}
