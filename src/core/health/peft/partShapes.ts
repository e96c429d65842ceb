import { modulePath } from "../../adapter/loraKey";
import { methodName } from "../../adapter/methods/methodTable";
import { holdsRank, isHeld, shapedModules, sharedTensors } from "../../adapter/methods/tensorShapes";
import { jsonNumber } from "../../json/parseJson";
import type { Problem } from "../../problem/problem";
import { formatShape, type Tensor } from "../../tensors/tensor";
import { type HealthSubject, isPeftFile, isWhole } from "../healthSubject";

/** Two tensors that belong together and do not, and what of them is at odds. */
interface Odd {
  readonly tensor: Tensor;
  readonly why: string;
}

/**
 * Parts of methods that stand in several tensors, or outside their module, and must fit each other (tuners/METHOD of
 * PEFT 0.21, which fails to load them or to compute with them); and what no rule here decides.
 */
export function partShapes(subject: HealthSubject): readonly Problem[] {
  const { checkpoint, adapterConfig: config, adapter, folder } = subject;
  const { peftType: method, r } = config ?? {};
  if (method === undefined || folder.adapterConfig === undefined || adapter?.carriesModel !== false)
    return [];
  if (!isPeftFile(checkpoint.name) || !isWhole(subject)) return [];
  const { tensors } = checkpoint;
  const [odd] = (rules.get(method) ?? (() => []))(tensors, subject);
  if (odd !== undefined) {
    const { tensor, why } = odd;
    const message = `${tensor.name} (${formatShape(tensor.shape)}) ${why}: PEFT fails with the adapter, or computes something else.`;
    return [{ severity: "error", code: "AdapterShapes", message, tensor: tensor.name }];
  }
  // What has factors is held against the configuration where they are paired.
  if (adapter.modules.length > 0 || adapter.otherTensors.length === 0) return [];
  const beside = unheldBeside.get(method);
  if (beside !== undefined) return [notChecked(`the shapes of ${beside}`)];
  const why = heldByBase.has(method)
    ? "The base model's weights alone decide it."
    : `No rule for ${methodName(method)} is known here.`;
  if (!rules.has(method) && !isHeld(method, tensors)) return [notChecked("the shapes of its tensors", why)];
  if (holdsRank(method) || r === undefined || r <= 0) return [];
  return [notChecked(`r ${r} of the configuration`, why)];
}

/** What `misfitWidths` looks at where the base model is given. */
const heldByBase: ReadonlySet<string> = new Set(["IA3", "LN_TUNING", "SHIRA"]);

/** Parts of a method that the rules here leave out. */
const unheldBeside: ReadonlyMap<string, string> = new Map([["SHADOW", "the network beside the model"]]);

function notChecked(what: string, why = ""): Problem {
  return { severity: "info", code: "NotChecked", message: `Not checked: ${what}. ${why}`.trimEnd() };
}

type Rule = (tensors: readonly Tensor[], subject: HealthSubject) => readonly Odd[];

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["RANDLORA", randloraParts],
  ["FROD", frodParts],
  ["ADAMSS", adamssParts],
  ["SHADOW", shadowParts],
  ["SHIRA", shiraParts],
]);

/** All modules have the same two random matrices, which are saved under each; some use less than all of them. */
function randloraParts(tensors: readonly Tensor[]): readonly Odd[] {
  const modules = shapedModules("RANDLORA", tensors) ?? [];
  const first = new Map(sharedTensors("RANDLORA", tensors).tensors);
  for (const { tensors: own } of modules)
    for (const end of ["A", "B"]) {
      const tensor = own.get(end);
      const other = first.get(end) ?? tensor;
      if (tensor === undefined || other === undefined) continue;
      if (formatShape(tensor.shape) !== formatShape(other.shape))
        return [{ tensor, why: `is the same matrix as ${other.name}, which is ${formatShape(other.shape)}` }];
      first.set(end, other);
    }
  const a = first.get("A");
  const b = first.get("B");
  return modules.flatMap(({ tensors: own }): readonly Odd[] => {
    const gamma = own.get("gamma");
    const [bases = 0, width = 0] = gamma?.shape ?? [];
    if (gamma === undefined) return [];
    const needs = (tensor: Tensor, size: number | undefined, what: string) => ({
      tensor,
      why: `has ${size ?? 0} ${what}, fewer than ${gamma.name} (${formatShape(gamma.shape)}) needs`,
    });
    const columns = a?.shape[2];
    if (a !== undefined && columns !== undefined && columns < width) return [needs(a, columns, "columns")];
    const held = b?.shape[1];
    return b !== undefined && held !== undefined && held < bases ? [needs(b, held, "bases")] : [];
  });
}

/** A basis and the places of the values beside the diagonal, one for all modules of a kind. */
function frodParts(tensors: readonly Tensor[]): readonly Odd[] {
  const shared = sharedTensors("FROD", tensors).tensors;
  const uneven = [...shared].flatMap(([end, basis]): readonly Odd[] => {
    const [rows, columns] = basis.shape;
    const isBasis = end.startsWith("V.") && basis.shape.length === 2;
    return isBasis && rows !== columns ? [{ tensor: basis, why: "is no square basis" }] : [];
  });
  if (uneven.length > 0) return uneven;
  return (shapedModules("FROD", tensors) ?? []).flatMap(({ path, tensors: own }): readonly Odd[] => {
    const kind = modulePath(path)
      .replace(/^.*\.\d+\./, "")
      .replaceAll(".", "_");
    return [
      ...unlike(own.get("lambda_l"), 0, shared.get(`V.${kind}`), 0),
      ...unlike(own.get("lambda_s_values"), 0, shared.get(`s_indices.${kind}`), 1),
    ];
  });
}

/** Numbered subspaces, each with a product of two factors within what `newB` projects to. */
function adamssParts(tensors: readonly Tensor[]): readonly Odd[] {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  return tensors.flatMap((tensor): readonly Odd[] => {
    const [, path, which, number] = /^(.+)\.adamss_([AB])\.(\d+)$/.exec(tensor.name) ?? [];
    if (path === undefined) return [];
    const other = `${path}.adamss_${which === "A" ? "B" : "A"}.${number}`;
    const partner = byName.get(other);
    if (partner === undefined)
      return [{ tensor, why: `has no ${other} beside it, which PEFT then makes anew` }];
    if (which === "B") return unlike(tensor, 1, partner, 0);
    const before = `${path}.adamss_A.${Number(number) - 1}`;
    if (number !== "0" && !byName.has(before))
      return [{ tensor, why: `follows ${before}, which is missing and PEFT makes anew` }];
    return unlike(tensor, 1, byName.get(`${path}.adamss_newB`), 0);
  });
}

/** What is injected into each block goes through a bottleneck of r. */
function shadowParts(tensors: readonly Tensor[], { adapterConfig }: HealthSubject): readonly Odd[] {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const r = adapterConfig?.r;
  return tensors.flatMap((tensor): readonly Odd[] => {
    const [, path, name] = /^(.+)\.shadow_down\.(.+)\.weight$/.exec(tensor.name) ?? [];
    if (path === undefined || tensor.shape.length !== 2) return [];
    const [rank] = tensor.shape;
    if (r !== undefined && rank !== r)
      return [{ tensor, why: `is of rank ${rank}, where the configuration says r ${r}` }];
    return unlike(tensor, 0, byName.get(`${path}.shadow_up.${name}.weight`), 1);
  });
}

/** Without the places of its values PEFT draws them, and the same ones by the same seed alone. */
function shiraParts(tensors: readonly Tensor[], { folder }: HealthSubject): readonly Odd[] {
  const seed = folder.adapterConfig?.value.get("random_seed");
  if (jsonNumber(seed) !== undefined) return [];
  const [tensor] = tensors.filter(({ name }) => name.endsWith(".shira_weight"));
  const hasPlaces = tensors.some(({ name }) => name.endsWith(".shira_indices"));
  return tensor === undefined || hasPlaces
    ? []
    : [
        {
          tensor,
          why: "and all others have no shira_indices, and no random_seed is written by which they were drawn",
        },
      ];
}

function unlike(
  tensor: Tensor | undefined,
  at: number,
  other: Tensor | undefined,
  atOther: number,
): readonly Odd[] {
  const [size, expected] = [tensor?.shape[at], other?.shape[atOther]];
  if (tensor === undefined || other === undefined || size === undefined || expected === undefined) return [];
  if (size === expected) return [];
  return [
    { tensor, why: `does not fit ${other.name} (${formatShape(other.shape)}): ${size} for ${expected}` },
  ];
}
