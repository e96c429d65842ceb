import type { AdapterConfig } from "./adapterConfig";

/** What tells which parameters of modules an adapter changes. */
export type ParameterTargets = Pick<AdapterConfig, "targetParameters">;

const baseLayers = /(?:\.base_layer)+$/;

/** Experts of one layer as one module: transformers 5's parameters, torchtune's projections. */
const joinedName = /^(.*\.experts)\.(gate_up|gate|up|down)(?:_proj)?$/;

/** Where the experts of such a module are, and which of the projections of each it holds, one below the other. */
export function expertParts(
  module: string,
): { readonly path: string; readonly parts: readonly string[] } | undefined {
  const [, path, kind] = joinedName.exec(module) ?? [];
  if (path === undefined || kind === undefined) return undefined;
  return { path, parts: kind === "gate_up" ? ["gate", "up"] : [kind] };
}

const singleName = /^.*\.experts\.\d+\.(?:w[123]|gate_proj|up_proj|down_proj)$/;

/** One expert's module, as files had them before transformers 5, and as most on hubs do. */
export function isSingleExpert(module: string): boolean {
  return singleName.test(module);
}

/** PEFT wraps the parameters of a module of experts into each other: `experts.base_layer` beside `experts`. */
export function isNestedExperts(module: string, paths: ReadonlySet<string>): boolean {
  return baseLayers.test(module) || paths.has(`${module}.base_layer`);
}

/** Names of the parameters of a module that `target_parameters` may mean: whole paths, their ends, or bare names. */
function targetsIn(path: string, config: ParameterTargets | undefined): readonly string[] {
  const found = (config?.targetParameters ?? []).flatMap((target) => {
    const dot = target.lastIndexOf(".");
    const isOfModule = dot < 0 ? path.endsWith(".experts") : `.${path}`.endsWith(`.${target.slice(0, dot)}`);
    return isOfModule ? [target.slice(dot + 1)] : [];
  });
  return [...new Set(found)];
}

export function isTargetParameter(module: string, config: ParameterTargets | undefined): boolean {
  return targetsIn(module.replace(baseLayers, ""), config).length > 0;
}

/**
 * The parameter that a wrapper of `target_parameters` stands for, under which PEFT looks up its rank and alpha. It wraps
 * them in the order of the module, in which gate_up_proj comes before down_proj: the inner one is gate_up_proj.
 */
export function wrappedParameter(module: string, config: ParameterTargets | undefined): string {
  const path = module.replace(baseLayers, "");
  const targets = targetsIn(path, config);
  const [only] = targets;
  if (targets.length === 1 && only !== undefined) return `${path}.${only}`;
  if (targets.length !== 2 || !targets.includes("gate_up_proj") || !targets.includes("down_proj"))
    return module;
  return `${path}.${module === path ? "down_proj" : "gate_up_proj"}`;
}
