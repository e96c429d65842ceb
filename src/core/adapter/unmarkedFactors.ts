import type { Tensor } from "../tensors/tensor";
import { type FactorLayout, LayoutError, mlxLayout, standardLayout } from "./factorLayout";
import { modulePath } from "./loraKey";

/**
 * Weights kept as low-rank factors under names that do not speak of LoRA (lora.md §1.3): `X.U`, `X.S`, `X.Vh` of an
 * SVD, ASVD's `ALinear` and `BLinear`, SVD-LLM's `q_u_proj` and `q_v_proj`, ControlLoRA's bare `down` and `up`,
 * mlx-vlm's `A` and `B`, and `w_a_000` and `w_b_000` of LoRA for Segment Anything.
 */
export interface UnmarkedFactors extends FactorLayout {
  readonly module: string;
  readonly family: "svd" | "control-lora" | "mlx-vlm" | "sam";
  readonly a: Tensor;
  readonly b: Tensor;
  /** The singular values between them. */
  readonly diagonal: Tensor | undefined;
}

/** Of the last part of a name; nearly all names of ordinary models fail it at once. */
const mayBeFactor =
  /(?:[._](?:U|S|V|Vh|Vt|VT|V_T|u|s|v|vh|vt)|[AB]Linear|_[uv]_proj|\.down|\.up|\.[AB])(?:\.weight)?$|^(?:.*\.)?w_[ab]_\d+(?:\.weight)?$/;

/** Told by two letters of what nearly all names of a large model are, for which the pattern would go through each letter. */
function endsAsOthers(name: string): boolean {
  const end = name.endsWith(".weight") ? name.length - ".weight".length : name.length;
  const before = name[end - 2];
  switch (name[end - 1]) {
    case "U":
    case "S":
    case "V":
    case "u":
    case "s":
    case "v":
      return before !== "." && before !== "_";
    case "A":
    case "B":
      return before !== ".";
    case "j":
      return name[end - 6] !== "u" && name[end - 6] !== "v";
    case "h":
    case "t":
    case "T":
    case "r":
    case "n":
    case "p":
      return false;
    default:
      // The only others end in a number.
      return !/\d/.test(name[end - 1] ?? "");
  }
}

const patterns: readonly (readonly [RegExp, Record<string, Role>, UnmarkedFactors["family"]])[] = [
  [
    /^(.+)[._](U|S|Vh|Vt|VT|V_T|V)(?:\.weight)?$/,
    { U: "u", S: "s", Vh: "vh", Vt: "vh", VT: "vh", V_T: "vh", V: "v" },
    "svd",
  ],
  [/^(.+)[._](u|s|vh|vt|v)(?:\.weight)?$/, { u: "u", s: "s", vh: "vh", vt: "vh", v: "v" }, "svd"],
  [/^(.+)\.(ALinear|BLinear)\.weight$/, { ALinear: "left", BLinear: "right" }, "svd"],
  [/^(.+)_(u|v)_proj\.weight$/, { u: "left", v: "right" }, "svd"],
  [/^(.+)\.(up|down)$/, { up: "left", down: "right" }, "control-lora"],
  [/^(.+)\.(A|B)$/, { A: "left", B: "right" }, "mlx-vlm"],
  [/^((?:.*\.)?w)_(a|b)(?=_\d+(?:\.weight)?$)/, { b: "left", a: "right" }, "sam"],
];

/** `left` and `right` are a product without values between; `u`, `s` and `v`/`vh` are an SVD. */
type Role = "u" | "s" | "v" | "vh" | "left" | "right";

interface Group {
  readonly module: string;
  readonly family: UnmarkedFactors["family"];
  readonly tensors: Map<Role, Tensor>;
}

/** The factors among `tensors`, by module in the order of the file; every other tensor is left alone. */
export function findUnmarkedFactors(tensors: readonly Tensor[]): readonly UnmarkedFactors[] {
  const groups = new Map<string, Group>();
  for (const tensor of tensors) {
    if (endsAsOthers(tensor.name) || !mayBeFactor.test(tensor.name)) continue;
    for (const [index, [pattern, roles, family]] of patterns.entries()) {
      const match = pattern.exec(tensor.name);
      const role = roles[match?.[2] ?? ""];
      if (match === null || role === undefined) continue;
      const suffix =
        index === 3 ? "_proj" : family === "sam" ? tensor.name.replace(/^.*w_[ab]|\.weight$/g, "") : "";
      const module = modulePath(`${match[1] ?? ""}${suffix}`);
      const id = `${index}\0${module}`;
      const group = groups.get(id) ?? { module, family, tensors: new Map<Role, Tensor>() };
      groups.set(id, group);
      group.tensors.set(role, tensor);
      break;
    }
  }
  return [...groups.values()].flatMap((group) => factorsOf(group) ?? []);
}

function factorsOf({ module, family, tensors }: Group): UnmarkedFactors | undefined {
  const left = tensors.get("left");
  const right = tensors.get("right");
  if (left !== undefined && right !== undefined) return productOf(module, family, left, right);
  const u = tensors.get("u");
  const s = tensors.get("s");
  const v = tensors.get("vh") ?? tensors.get("v");
  if (u === undefined || s === undefined || v === undefined || family !== "svd") return undefined;
  return decompositionOf(module, u, s, v, tensors.has("vh"));
}

/** A factor's inner side is well below its outer ones; feed-forward layers called `up` and `down` are not so. */
const largestShare = 0.6;

function productOf(
  module: string,
  family: UnmarkedFactors["family"],
  b: Tensor,
  a: Tensor,
): UnmarkedFactors | undefined {
  try {
    // mlx-vlm's A [in, r] and B [r, out] lie the other way round.
    const isMlx = family === "mlx-vlm";
    const layout = isMlx
      ? mlxLayout({ a: b, b: a, mid: undefined })
      : standardLayout({ a, b, mid: undefined });
    const { rank, inFeatures, outFeatures } = layout;
    // ASVD and SVD-LLM may keep most of the rank; nothing else has their names.
    const limit = family === "svd" ? 1 : largestShare;
    if (rank === 0 || rank > limit * Math.min(inFeatures, outFeatures)) return undefined;
    if (isMlx && layout.layout !== "mlx") return undefined;
    return { ...layout, module, family, a: isMlx ? b : a, b: isMlx ? a : b, diagonal: undefined };
  } catch (error) {
    if (error instanceof LayoutError) return undefined;
    throw error;
  }
}

/** torch.svd gives V [n, k], torch.linalg.svd Vh [k, n]. Where the name says V, the shape decides if it can. */
function decompositionOf(
  module: string,
  u: Tensor,
  s: Tensor,
  v: Tensor,
  isTransposed: boolean,
): UnmarkedFactors | undefined {
  const [outFeatures, rank, ...more] = u.shape;
  const [first, second, ...rest] = v.shape;
  if (outFeatures === undefined || rank === undefined || first === undefined || second === undefined)
    return undefined;
  if (more.length > 0 || rest.length > 0 || rank === 0 || s.shape.length !== 1 || s.shape[0] !== rank)
    return undefined;
  const asVh = isTransposed ? first === rank : first === rank && second !== rank;
  if (!asVh && second !== rank) return undefined;
  return {
    module,
    family: "svd",
    layout: asVh ? "svd" : "svdV",
    rank,
    inFeatures: asVh ? second : first,
    outFeatures,
    a: v,
    b: u,
    diagonal: s,
  };
}
