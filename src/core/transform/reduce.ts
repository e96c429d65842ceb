import { rangeText } from "../adapter/adapterText";
import { hasStoredFactors } from "../adapter/factorLayout";
import type { LoraModule } from "../adapter/loraModule";
import { methodName } from "../adapter/methods/methodTable";
import { baseChangedBy } from "../adapter/modifiedBase";
import type { ReadRange } from "../analysis/tensorStatistics";
import type { TensorReader } from "../checkpoint/tensorReader";
import type { Problem } from "../problem/problem";
import type { CheckpointSession } from "../session/checkpointSession";
import type { Provenance } from "../stage/stageFileText";
import { isWritableDtype } from "../tensors/encode";
import type { Tensor } from "../tensors/tensor";
import { formatBytes, formatShare } from "../text/quantities";
import type { AdapterOutput, OutputCopy, OutputModule } from "./adapterOutput";
import { FactorQueue, type FactorTask, type FactorWork } from "./factorQueue";
import { formOf, mayHideKernel } from "./outputForm";
import { type OutputFormat, outputFormatFor, partName } from "./outputNames";
import { notReducible, type ReduceSource } from "./reduceSource";
import { planReduction, type ReductionOptions, type ReductionPlan } from "./reductionPlan";
import { copiedWhole } from "./reductionRefusal";
import { type AdapterTarget, type WrittenAdapter, writeAdapter } from "./writeAdapter";

export interface ReduceRequest extends FactorWork, AdapterTarget {
  readonly source: ReduceSource;
  readonly options: ReductionOptions;
}

export interface ReducedAdapter extends WrittenAdapter {
  readonly plan: ReductionPlan;
  /** Of the source's weights on the disk. */
  readonly fileBytesBefore: number;
  /** What the user should know of the new snapshot. */
  readonly problems: readonly Problem[];
}

/**
 * Writes an adapter at lower ranks: the best approximation of each module's update, exact to rounding, with the
 * scale of the source, and everything else of it carried over. The source is not touched.
 */
export async function reduceAdapter(request: ReduceRequest): Promise<ReducedAdapter> {
  const { source, options } = request;
  const plan = planReduction(source.modules, options);
  const format = outputFormatFor(source.adapter, source.session.adapterConfig);
  refuseFormat(source, format);
  const reader = source.session.tensorReader();
  try {
    const scales = outputScales(source, format);
    const made = new FactorQueue(request, tasksOf(source, plan, scales), [source.session]);
    const output: AdapterOutput = {
      ...reductionOutput(request, plan, format, reader, scales),
      factorsOf: async (_, index) => {
        const { factors } = await made.next();
        if (factors === undefined) throw new Error(`No module ${index}`);
        return { ...factors, scale: scales[index] ?? 1, norm: plan.modules[index]?.norm ?? Number.NaN };
      },
    };
    const written = await writeAdapter({
      ...request,
      output,
      format,
      sources: [source.session],
      parentConfig: source.session.folder.adapterConfig?.value,
      config: configOf(source),
      provenance: () => provenanceOf(request, plan),
    }).finally(() => made.end());
    return {
      ...written,
      plan,
      fileBytesBefore: fileBytes(source.session),
      problems: warningsOf(source, written),
    };
  } finally {
    await reader.close();
  }
}

function* tasksOf(
  { measurements }: ReduceSource,
  plan: ReductionPlan,
  scales: readonly number[],
): Iterable<FactorTask> {
  for (const [index, { module, metrics }] of measurements.entries()) {
    const { rank = module.rank } = plan.modules[index] ?? {};
    const { singularValues } = metrics ?? {};
    yield { kind: "reduce", module, singularValues, rank, scale: scales[index] ?? 1 };
  }
}

function reductionOutput(
  { source, dtype, signal }: ReduceRequest,
  plan: ReductionPlan,
  format: OutputFormat,
  reader: TensorReader,
  scales: readonly number[],
): Omit<AdapterOutput, "factorsOf"> {
  const { adapter, measurements } = source;
  const modules = measurements.map(({ module }, index): OutputModule => {
    const { inFeatures, outFeatures } = module;
    return {
      module: module.module,
      inFeatures,
      outFeatures,
      maxRank: plan.modules[index]?.rank ?? module.rank,
      dtype: dtype ?? (isWritableDtype(module.a.dtype) ? module.a.dtype : "F32"),
      form: formOf(module, format),
      ...(hasOwnNames(format) && hasStoredFactors(module.layout) ? ownForm(module) : {}),
    };
  });
  return {
    modules,
    copies: copiesOf(source, format, reader, signal),
    metadata: metadataOf(source, plan),
  };

  function metadataOf(
    { session }: ReduceSource,
    { modules: planned }: ReductionPlan,
  ): ReadonlyMap<string, string> {
    const metadata = new Map(session.checkpoint.metadata);
    metadata.set("stage", stageOf(source, plan));
    // Ranks and alphas of the source, which its factors no longer have.
    metadata.delete("lora_adapter_metadata");
    if (format !== "kohya") return metadata.set("format", "pt");
    const [before, after] = [
      rangeText(planned.map(({ rankBefore }) => rankBefore)),
      rangeText(planned.map(({ rank }) => rank)),
    ];
    const comment = metadata.get("ss_training_comment");
    const said = `dimension is resized from ${before} to ${after}`;
    metadata.set("ss_training_comment", comment === undefined ? said : `${said}; ${comment}`);
    const isUniform = new Set(planned.map(({ rank }) => rank)).size === 1;
    metadata.set("ss_network_dim", isUniform ? after : "Dynamic");
    const alphas = new Set(planned.map(({ rank }, index) => rank * (scales[index] ?? 1)));
    metadata.set("ss_network_alpha", alphas.size === 1 ? String([...alphas][0]) : "Dynamic");
    // Hashes of the old contents would be wrong.
    for (const key of ["sshs_model_hash", "sshs_legacy_hash"]) metadata.delete(key);
    if (adapter.method !== "LORA") metadata.set("ss_network_module", "networks.lora");
    return metadata;
  }
}

/**
 * One scale for all modules where that can be: readers that ignore alpha_pattern then stay right. Factors take up
 * the difference, but a bias of B is multiplied by the scale as well, so such a module keeps its own.
 */
function outputScales({ measurements }: ReduceSource, format: OutputFormat): readonly number[] {
  const usable = measurements.map(({ scale }) => (Math.abs(scale) > 0 ? Math.abs(scale) : 1));
  const counts = new Map<number, number>();
  for (const scale of usable) counts.set(scale, (counts.get(scale) ?? 0) + 1);
  const common = [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? 1;
  return measurements.map(({ module }, index) => {
    // Without an alpha beside the factors, readers take 1.
    if (format === "plain" && module.alphaTensor === undefined) return 1;
    if (format === "kept") return usable[index] as number;
    return module.bias === undefined ? common : (usable[index] as number);
  });
}

function hasOwnNames(format: OutputFormat): boolean {
  return format === "plain" || format === "kept";
}

/** The names of the source's tensors, and which of them lie the other way round. */
function ownForm({ a, b, alphaTensor, diagonal, layout }: LoraModule): Partial<OutputModule> {
  const isDecomposition = layout === "svd" || layout === "svdV";
  return {
    names: {
      a: a.name,
      b: b.name,
      ...(alphaTensor === undefined ? {} : { alpha: alphaTensor.name }),
      ...(isDecomposition && diagonal !== undefined ? { diagonal: diagonal.name } : {}),
    },
    exchanged: { a: layout === "mlx" || layout === "svdV", b: layout === "mlx" },
  };
}

/** DoRA's magnitudes, biases, and everything that was saved whole. */
function copiesOf(
  { adapter }: ReduceSource,
  format: OutputFormat,
  reader: TensorReader,
  signal: AbortSignal | undefined,
): readonly OutputCopy[] {
  const copy = (name: string, tensor: Tensor): OutputCopy => {
    const read: ReadRange = (offset, length) => reader.readRange(tensor, offset, length, signal);
    return { name, tensor, read };
  };
  const parts = adapter.modules.flatMap((module) => {
    const named = (["magnitude", "bias"] as const).flatMap((part) => {
      const tensor = module[part];
      const name = tensor && partName(format, module, part, tensor);
      return tensor === undefined || name === undefined ? [] : [copy(name, tensor)];
    });
    return named;
  });
  const whole = copiedWhole(adapter).map((tensor) => copy(tensor.name, tensor));
  return [...parts, ...whole];
}

/** Rewritten at its own rank, a snapshot is still of its own stage. */
function stageOf({ session }: ReduceSource, { modules }: ReductionPlan): string {
  const isReduced = modules.some(({ rank, rankBefore }) => rank < rankBefore);
  return isReduced ? "rank-reduction" : (session.stage?.stage ?? "rank-reduction");
}

/** What a configuration of another library says under other names. */
function configOf({ session, adapter }: ReduceSource): Readonly<Record<string, unknown>> {
  if (session.folder.adapterConfig?.value.has("peft_type") === true) return {};
  const baseModel = session.adapterConfig?.baseModel;
  const useDora = adapter.modules.some(({ magnitude }) => magnitude !== undefined);
  return {
    ...(baseModel === undefined ? {} : { base_model_name_or_path: baseModel }),
    ...(useDora ? { use_dora: true } : {}),
  };
}

function provenanceOf(request: ReduceRequest, plan: ReductionPlan): Provenance {
  const { source, options, toolVersion, now } = request;
  const before = rangeText(plan.modules.map(({ rankBefore }) => rankBefore));
  const after = rangeText(plan.modules.map(({ rank }) => rank));
  const init = baseChangedBy(source.session.adapterConfig, source.adapter.modules);
  return {
    stage: stageOf(source, plan),
    note: `Rank ${before} → ${after} by truncated SVD; ${formatShare(plan.energyKept)} of the energy kept, error ${formatShare(plan.error)} of ‖ΔW‖.`,
    createdBy: `checkpoint-explorer ${toolVersion}`,
    createdAt: now,
    parent: source.session.identity,
    method: {
      name: "truncated-svd",
      ...options.rule,
      scope: options.scope,
      ...(options.maxRank === undefined ? {} : { maxRank: options.maxRank }),
      ...(options.kohyaPlusOne === true ? { kohyaPlusOne: true } : {}),
      ...(init !== undefined ? { relativeTo: `the base as ${init} changed it` } : {}),
    },
    energyKept: plan.energyKept,
    modules: Object.fromEntries(
      plan.modules.map(({ module, rank, energyKept }) => [module, { rank, energyKept }]),
    ),
  };
}

/** Bytes of the source's weights on the disk. */
function fileBytes({ checkpoint }: CheckpointSession): number {
  return checkpoint.files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** @throws CheckpointError `NotReducible` where the format has no place for a part of the source. */
function refuseFormat({ adapter, session }: ReduceSource, format: OutputFormat): void {
  if (format === "kohya" && adapter.modules.some(({ bias }) => bias !== undefined))
    throw notReducible(session, "kohya's format has no place for the biases of B. Write it as PEFT.");
}

function warningsOf({ adapter, session }: ReduceSource, { weightBytes }: WrittenAdapter): readonly Problem[] {
  const problems: Problem[] = [];
  const warn = (code: string, message: string) => problems.push({ severity: "warning", code, message });
  if (adapter.modules.some(({ magnitude }) => magnitude !== undefined)) {
    const message =
      "DoRA: the magnitudes are carried over, but they were trained with the directions of the whole update. Train a few steps more, or check the loss.";
    warn("DoraReduced", message);
  }
  if (adapter.method === "ADALORA") {
    warn(
      "AdaLoraFolded",
      "AdaLoRA: the values between the factors are multiplied in; the result is a plain LoRA.",
    );
  }
  const init = baseChangedBy(session.adapterConfig, adapter.modules);
  if (init !== undefined) {
    const message = `The adapter belongs to the base that ${init} changed. init_lora_weights is now true, so that PEFT does not change a base again when it loads it: load it over the changed base.`;
    warn("ModifiedBase", message);
  }
  const hidden = adapter.modules.filter(mayHideKernel);
  if (hidden[0] !== undefined) {
    const message = `${hidden.length === 1 ? "1 module" : `${hidden.length} modules`}, e.g. ${hidden[0].module} with ${hidden[0].inFeatures} inputs, may be convolutions whose kernel ${methodName(adapter.method)} keeps among the columns; the file does not tell. They are written as linear layers: of a convolution PEFT would not load them.`;
    warn("KernelUnknown", message);
  }
  const before = fileBytes(session);
  if (weightBytes > before) {
    const message = `The result is larger than what it is made from: ${formatBytes(before)} → ${formatBytes(weightBytes)}. ${methodName(adapter.method)} keeps its update in fewer values than factors of this rank need.`;
    warn("LargerThanSource", message);
  }
  return problems;
}
