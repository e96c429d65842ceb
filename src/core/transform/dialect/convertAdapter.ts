import type { Adapter } from "../../adapter/adapter";
import type { DialectId } from "../../adapter/dialects/dialect";
import { dialectNamed } from "../../adapter/dialects/dialectTable";
import { hasStoredFactors } from "../../adapter/factorLayout";
import { modulePath } from "../../adapter/loraKey";
import type { LoraModule } from "../../adapter/loraModule";
import { methodName } from "../../adapter/methods/methodTable";
import { baseChangedBy } from "../../adapter/modifiedBase";
import type { TensorReader } from "../../checkpoint/tensorReader";
import { scaledMatrix } from "../../linalg/matrix";
import type { CheckpointError } from "../../problem/checkpointError";
import type { CheckpointSession } from "../../session/checkpointSession";
import type { LongWork } from "../../session/longWork";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { loadFactors, readScale } from "../../update/factors";
import { UpdateAnalysis } from "../../update/updateAnalysis";
import type { AdapterOutput, OutputCopy, OutputFactors, OutputModule } from "../adapterOutput";
import { assumedScale } from "../assumedScale";
import { notConvertible } from "../model/notConvertible";
import { openReduceSource, reducedFactors } from "../reduceSource";
import { planReduction, type ReductionPlan, type ReductionRule } from "../reductionPlan";
import { reductionProblem } from "../reductionRefusal";
import { type AdapterTarget, type WrittenAdapter, writeAdapter } from "../writeAdapter";
import { paddedFactors, targetFormats, targetOutputModule } from "./dialectOutput";
import { type TargetDialect, targetModules, UnnamedModuleError } from "./targetModules";

export interface ConvertAdapterRequest extends LongWork, AdapterTarget {
  readonly source: CheckpointSession;
  readonly to: TargetDialect;
  /** For methods whose update is no product of two factors: the ranks that they get. */
  readonly rule?: ReductionRule;
  /** Tells what the underscores of kohya's names were. */
  readonly base?: CheckpointSession;
}

export interface ConvertedAdapter extends WrittenAdapter {
  readonly from: DialectId;
  readonly to: TargetDialect;
  /** Modules whose B took up a scale that the dialect cannot say. */
  readonly folded: number;
  /** Modules that got components of zeros, because the dialect has one rank for all. */
  readonly padded: number;
  /** Of what was reduced on the way. */
  readonly plan: ReductionPlan | undefined;
}

/** Dialects whose names these rules read; the others have names of their own for the modules of a model. */
const readable: ReadonlySet<DialectId> = new Set(["peft", "kohya", "lycoris", "diffusers", "mlx"]);

/** What a conversion will do: which module gets which name. */
export interface AdapterConversionPlan {
  readonly from: DialectId;
  readonly to: TargetDialect;
  readonly modules: readonly { readonly module: string; readonly name: string; readonly rank: number }[];
}

/** @throws CheckpointError `NotConvertible` with what the other dialect cannot say. */
export function planAdapterConversion(
  request: Pick<ConvertAdapterRequest, "source" | "to" | "rule" | "base">,
): AdapterConversionPlan {
  const adapter = convertibleAdapter(request);
  const names = namesOf(request, adapter);
  const modules = adapter.modules.map(({ module, rank }, at) => ({
    module,
    name: names[at] as string,
    rank,
  }));
  return { from: adapter.dialect, to: request.to, modules };
}

/**
 * Writes an adapter in another dialect: the same factors bit by bit under other names, with its scale where the other
 * keeps it. What is written is read back, and every ΔW held against the source's.
 * @throws CheckpointError `NotConvertible` with what the other dialect cannot say, and those of `writeAdapter`.
 */
export async function convertAdapter(request: ConvertAdapterRequest): Promise<ConvertedAdapter> {
  const { source, to, rule } = request;
  const adapter = convertibleAdapter(request);
  const names = namesOf(request, adapter);
  const reader = source.tensorReader();
  try {
    const reduced = rule === undefined ? undefined : await openReduceSource(source, request);
    const plan = rule && reduced && planReduction(reduced.modules, { rule, scope: "module" });
    const scales = await Promise.all(
      adapter.modules.map(async (module) => (await readScale(module, (tensor) => reader.read(tensor))).scale),
    );
    const still = adapter.modules[scales.indexOf(0)];
    if (still !== undefined)
      throw notConvertible(
        source,
        `The scale of ${still.module} is 0, so that it changes nothing whatever its factors are.`,
      );
    const common = commonOf(scales);
    const mostRank = Math.max(...adapter.modules.map(({ rank }, at) => plan?.modules[at]?.rank ?? rank));
    const targetScale = (scale: number) => (to === "diffusers" ? 1 : to === "mlx" ? common : scale);
    const told = { folded: 0, padded: 0 };
    const factorsOf = async (_: OutputModule, at: number): Promise<OutputFactors> => {
      const module = adapter.modules[at] as LoraModule;
      const scale = targetScale(scales[at] as number);
      const measurement = reduced?.measurements[at];
      const planned = plan?.modules[at];
      if (measurement !== undefined && planned !== undefined) {
        const task = { kind: "reduce", singularValues: measurement.metrics?.singularValues } as const;
        const factors = await reducedFactors({ ...task, module, rank: planned.rank, scale }, (tensor) =>
          reader.read(tensor, request.signal),
        );
        return {
          ...paddedFactors(factors, to === "mlx" ? mostRank : planned.rank),
          scale,
          norm: planned.norm,
        };
      }
      const factors = await loadFactors(module, (tensor) => reader.read(tensor), request.signal);
      const { frobenius, finite } = new UpdateAnalysis(factors).metrics;
      if (!finite) throw notConvertible(source, `${module.module} holds NaN or infinite values.`);
      const factor = factors.scale / scale;
      if (factor !== 1) told.folded++;
      const b = scaledMatrix(factors.b, factor);
      const rank = to === "mlx" ? mostRank : module.rank;
      if (rank !== module.rank) told.padded++;
      return { ...paddedFactors({ a: factors.a, b }, rank), scale, norm: frobenius };
    };
    const output: AdapterOutput = {
      modules: adapter.modules.map((module, at) =>
        targetOutputModule(
          to,
          module,
          names[at] as string,
          to === "mlx" ? mostRank : (plan?.modules[at]?.rank ?? module.rank),
          request.dtype,
        ),
      ),
      copies: copiesOf(request, adapter, names, reader),
      metadata: metadataOf(request, adapter),
      factorsOf,
    };
    const written = await writeAdapter({
      ...request,
      output,
      format: targetFormats[to],
      sources: [source],
      parentConfig: source.folder.adapterConfig?.value,
      config: configOf(source, adapter),
      provenance: () => ({
        stage: source.stage?.stage ?? "converted",
        note: `${dialectNamed(adapter.dialect)?.name ?? adapter.dialect} in the dialect of ${dialectNamed(to)?.name ?? to}, ${adapter.modules.length} modules`,
        createdBy: `checkpoint-explorer ${request.toolVersion}`,
        createdAt: request.now,
        parent: source.identity,
        method: { name: "convert", from: adapter.dialect, to, ...rule },
        ...(plan === undefined ? {} : { energyKept: plan.energyKept }),
      }),
    });
    return { ...written, from: adapter.dialect, to, ...told, plan };
  } finally {
    await reader.close();
  }
}

/** @throws CheckpointError `NotConvertible` where a part of the adapter has no place in the other dialect. */
function convertibleAdapter({
  source,
  to,
  rule,
}: Pick<ConvertAdapterRequest, "source" | "to" | "rule">): Adapter {
  const { adapter, checkpoint, adapterConfig } = source;
  const refuse = (message: string) => notConvertible(source, message);
  const problem = reductionProblem(source) ?? (source.adapter && assumedScale(source.adapter));
  if (adapter === undefined || problem !== undefined)
    throw refuse(problem ?? `${checkpoint.name} is no adapter.`);
  const name = dialectNamed(adapter.dialect)?.name ?? adapter.dialect;
  const target = dialectNamed(to)?.name ?? to;
  if (!readable.has(adapter.dialect))
    throw refuse(
      `It is in the dialect of ${name}, which has names of its own for the modules of a model. There is no rule here that turns them into ${target}'s.`,
    );
  const composed = adapter.modules.find(({ layout }) => !hasStoredFactors(layout));
  if (composed !== undefined && rule === undefined)
    throw refuse(
      `${methodName(adapter.method)} is no product of two factors. Choose what rank its LoRA gets with --rank N or --energy SHARE.`,
    );
  if (adapter.dialect === to && rule === undefined)
    throw refuse(
      `It is in the dialect of ${target} already. For another dtype or container: --to safetensors.`,
    );
  const init = baseChangedBy(adapterConfig, adapter.modules);
  if (to !== "peft" && init !== undefined)
    throw refuse(
      `It was initialised by ${init}, so that it belongs to a base that was changed at the start, which ${target} cannot say.`,
    );
  for (const module of adapter.modules) refuseModule(module, to, refuse, target);
  const [saved] = adapter.savedTensors;
  if (saved !== undefined && (to === "kohya" || to === "diffusers"))
    throw refuse(`${saved.name} was saved whole, for which ${target} has no name.`);
  return adapter;
}

function refuseModule(
  { module, layout, bias, magnitude, outFeatures }: LoraModule,
  to: TargetDialect,
  refuse: (message: string) => CheckpointError,
  target: string,
): void {
  if (bias !== undefined && to !== "peft")
    throw refuse(`${module} has a bias of B, for which ${target} has no name.`);
  if (layout === "embedding" && (to === "kohya" || to === "diffusers"))
    throw refuse(`${module} is an embedding, which ${target} does not adapt.`);
  if ((layout === "conv" || layout === "tucker") && to === "mlx")
    throw refuse(`${module} is a convolution, which ${target} does not adapt.`);
  if (magnitude === undefined) return;
  if (to === "mlx" || to === "diffusers")
    throw refuse(`${module} has DoRA's magnitudes, and how ${target} would read them is not known here.`);
  if (
    elementCount(magnitude.shape) !== outFeatures ||
    (magnitude.shape.length > 1 && magnitude.shape[0] !== outFeatures)
  )
    throw refuse(
      `The magnitudes of ${module} are norms over its inputs (${magnitude.shape.join(" × ")}); ${target} reads those of its outputs.`,
    );
}

function namesOf(
  { source, to, base }: Pick<ConvertAdapterRequest, "source" | "to" | "base">,
  adapter: Adapter,
): readonly string[] {
  const known = base?.checkpoint.tensors.map(({ name }) =>
    modulePath(name).replace(/\.(?:weight|bias)$/, ""),
  );
  try {
    return targetModules(
      adapter.modules.map(({ module }) => module),
      adapter.dialect,
      to,
      known,
      source.checkpoint.tensors.some(({ name }) => name.startsWith("base_model.model.")),
    );
  } catch (error) {
    if (error instanceof UnnamedModuleError) throw notConvertible(source, error.message);
    throw error;
  }
}

function commonOf(scales: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const scale of scales) counts.set(scale, (counts.get(scale) ?? 0) + 1);
  const [best] = [...counts].sort(([, a], [, b]) => b - a);
  return best === undefined || best[0] === 0 ? 1 : best[0];
}

/** DoRA's magnitudes and biases under the other names, and in PEFT and MLX what was saved whole. */
function copiesOf(
  { to, signal }: ConvertAdapterRequest,
  adapter: Adapter,
  names: readonly string[],
  reader: TensorReader,
): readonly OutputCopy[] {
  const copy = (name: string, tensor: Tensor, shape = tensor.shape): OutputCopy => ({
    name,
    tensor: { ...tensor, shape },
    read: (offset, length) => reader.readRange(tensor, offset, length, signal),
  });
  const prefix = to === "peft" ? "base_model.model." : "";
  const parts = adapter.modules.flatMap(({ magnitude, bias, outFeatures }, at) => [
    ...(magnitude === undefined
      ? []
      : to === "kohya"
        ? [copy(`${names[at]}.dora_scale`, magnitude, [outFeatures, 1])]
        : [copy(`${prefix}${names[at]}.lora_magnitude_vector`, magnitude, [outFeatures])]),
    ...(bias === undefined ? [] : [copy(`${prefix}${names[at]}.lora_B.bias`, bias)]),
  ]);
  // mlx-lm keeps the layer that it adapts as `linear` beside the factors.
  const savedName = (path: string) =>
    to === "mlx"
      ? path.replace(/\.base_layer\.bias$/, ".linear.bias")
      : adapter.dialect === "mlx"
        ? path.replace(/\.linear\.bias$/, ".base_layer.bias")
        : path;
  const saved = adapter.savedTensors.map((tensor) =>
    copy(prefix + savedName(modulePath(tensor.name)), tensor),
  );
  return [...parts, ...saved];
}

/** What the other dialect's metadata say of ranks is written anew; hashes of the old contents would be wrong. */
function metadataOf(
  { source, to }: ConvertAdapterRequest,
  { modules }: Adapter,
): ReadonlyMap<string, string> {
  const metadata = new Map(source.checkpoint.metadata);
  for (const key of ["lora_adapter_metadata", "sshs_model_hash", "sshs_legacy_hash", "format"])
    metadata.delete(key);
  for (const key of metadata.keys())
    if (to !== "kohya" && key.startsWith("ss_network_")) metadata.delete(key);
  if (to !== "kohya") return metadata.set("format", "pt");
  const ranks = new Set(modules.map(({ rank }) => rank));
  return (
    metadata
      .set("ss_network_module", "networks.lora")
      .set("ss_network_dim", ranks.size === 1 ? String([...ranks][0]) : "Dynamic")
      // Every module has its own beside it.
      .set("ss_network_alpha", "Dynamic")
  );
}

function configOf(
  { adapterConfig, folder, checkpoint }: CheckpointSession,
  { modules }: Adapter,
): Readonly<Record<string, unknown>> {
  if (folder.adapterConfig?.value.has("peft_type") === true) return {};
  const base = adapterConfig?.baseModel ?? checkpoint.metadata.get("ss_sd_model_name");
  return {
    ...(base === undefined ? {} : { base_model_name_or_path: base }),
    ...(modules.some(({ magnitude }) => magnitude !== undefined) ? { use_dora: true } : {}),
  };
}
