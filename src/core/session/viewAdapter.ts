import type { Adapter } from "../adapter/adapter";
import type { AdapterConfig } from "../adapter/adapterConfig";
import { rangeText } from "../adapter/adapterText";
import { storedBytes } from "../adapter/loraModule";
import { methodName } from "../adapter/methods/methodTable";
import { isDora } from "../adapter/methods/variants";
import type { StageLabel } from "../stage/stage";
import { plural } from "../text/quantities";
import { fingerprintOfMeasurements, refineStage } from "../update/adapterFingerprint";
import { findingsOf } from "../update/findings";
import type { MeasureModules, ModuleMeasurement } from "../update/measureModule";
import { metricValues } from "../update/moduleMetrics";
import type { UpdateMetrics } from "../update/updateMetrics";
import type { LoraHead, LoraModuleMetrics, LoraModuleRow, LoraView } from "./loraView";

interface ViewOptions {
  /** As found on opening; the tensors may refine it. */
  readonly stage?: StageLabel | undefined;
  readonly report?: ((done: number, total: number, label: string) => void) | undefined;
  /** Told what is known before anything is measured, and then of each module in order. */
  readonly onHead?: (head: LoraHead) => void;
  readonly onRow?: (row: LoraModuleRow) => void;
  /** Singular values that the view lists of all modules together; of a longer spectrum the first, and how many more. */
  readonly maxListedValues?: number;
}

export interface LoraOptions extends Omit<ViewOptions, "stage"> {
  /** Where modules are not measured here, one after the other, but many at once. */
  readonly measure?: MeasureModules | undefined;
}

/** Reads and measures every module of an adapter. A module that cannot be measured says why; the others stand. */
export async function viewAdapter(
  adapter: Adapter,
  config: AdapterConfig | undefined,
  measure: MeasureModules,
  { stage, report, onHead, onRow, maxListedValues = Number.POSITIVE_INFINITY }: ViewOptions = {},
): Promise<LoraView> {
  const total = adapter.modules.length;
  const listed = Math.max(fewestListed, Math.floor(maxListedValues / Math.max(total, 1)));
  onHead?.(headOf(adapter, config));
  const measurements: ModuleMeasurement[] = [];
  const modules: LoraModuleRow[] = [];
  report?.(0, total, adapter.modules[0]?.module ?? "");
  await measure(adapter.modules, (measurement) => {
    const row = rowOf(measurement, listed);
    measurements.push(measurement);
    modules.push(row);
    onRow?.(row);
    const next = adapter.modules[modules.length];
    if (next !== undefined) report?.(modules.length, total, next.module);
  });
  const fingerprint = fingerprintOfMeasurements(measurements, adapter.unpaired.length);
  const refined = refineStage(stage, fingerprint);
  return {
    facts: adapterFacts(adapter, config, modules),
    modules,
    savedWhole: adapter.savedTensors.map(({ name, shape }) => ({ name, shape })),
    problems: adapter.problems,
    findings: findingsOf(measurements, adapter.unpaired),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(refined.stage === undefined ? {} : { stage: refined.stage }),
    ...(refined.note === undefined ? {} : { stageNote: refined.note }),
  };
}

/** Numbers that stand in tensors of their own are not known yet. */
function headOf(adapter: Adapter, config: AdapterConfig | undefined): LoraHead {
  const modules = adapter.modules.map((module): LoraModuleRow => {
    const { alpha, scale = Number.NaN } = module;
    return rowOf(
      { module, alpha, scale, metrics: undefined, unavailable: notMeasured, ...nothingFound },
      fewestListed,
    );
  });
  return {
    facts: adapterFacts(adapter, config, modules),
    modules,
    savedWhole: adapter.savedTensors.map(({ name, shape }) => ({ name, shape })),
    problems: adapter.problems,
  };
}

const notMeasured = "It is not measured yet.";
const nothingFound = { notFinite: false, fingerprint: undefined, health: undefined };

/** Of a module, however many there are. */
const fewestListed = 16;

function rowOf(
  { module, alpha, scale, metrics, experts, unavailable, fingerprint, health }: ModuleMeasurement,
  listed: number,
): LoraModuleRow {
  const unlisted = Math.max((metrics?.singularValues.length ?? 0) - listed, 0);
  return {
    module: module.module,
    rank: module.rank,
    alpha,
    scale,
    inFeatures: module.inFeatures,
    outFeatures: module.outFeatures,
    dtype: module.a.dtype,
    storedBytes: storedBytes(module),
    metrics: metrics === undefined ? undefined : listedMetrics(metrics, listed),
    ...(unlisted > 0 ? { unlistedValues: unlisted } : {}),
    ...(unavailable === undefined ? {} : { unavailable }),
    ...(experts === undefined ? {} : { experts: experts.map(metricValues) }),
    ...(fingerprint === undefined ? {} : { fingerprint: fingerprint.kind }),
    ...(health === undefined ? {} : { health }),
  };
}

function listedMetrics(
  { energy: _, singularValues, ...numbers }: UpdateMetrics,
  listed: number,
): LoraModuleMetrics {
  // A copy: what is sent of a part of an array would be all of it.
  const values = singularValues.length > listed ? singularValues.slice(0, listed) : singularValues;
  return { ...numbers, singularValues: values };
}

/** `true` is PEFT's word for its default: A random, B zero. */
function initialisationText(value: AdapterConfig["initLoraWeights"]): string | undefined {
  if (value === undefined || typeof value === "string") return value;
  return value ? "default" : "random A and B";
}

function adapterFacts(
  adapter: Adapter,
  config: AdapterConfig | undefined,
  modules: readonly LoraModuleRow[],
): (readonly [string, string])[] {
  const targets = config?.targetModules;
  const alphas = modules.flatMap(({ alpha }) => (alpha === undefined ? [] : [alpha]));
  const scales = modules.flatMap(({ scale }) => (Number.isNaN(scale) ? [] : [scale]));
  const facts: (readonly [string, string | undefined])[] = [
    ["Method", methodName(adapter.method)],
    ["Base model", config?.baseModel],
    ["Task", config?.taskType],
    ["Rank", modules.length > 0 ? rangeText(modules.map(({ rank }) => rank)) : undefined],
    ["Alpha", alphas.length > 0 ? rangeText(alphas) : undefined],
    ["Scale", scales.length > 0 ? rangeText(scales) : undefined],
    ["Scaling rule", config?.useRslora === true ? "alpha / √rank (rsLoRA)" : undefined],
    ["Adapted modules", modules.length > 0 ? plural(modules.length, "module") : undefined],
    ["Target modules", typeof targets === "string" ? targets : targets?.join(", ")],
    ["Initialisation", initialisationText(config?.initLoraWeights)],
    ["DoRA", isDora(config, adapter.modules) ? "yes" : undefined],
    ["Bias", config?.bias === "none" ? undefined : config?.bias],
    [
      "Saved whole",
      config !== undefined && config.modulesToSave.length > 0 ? config.modulesToSave.join(", ") : undefined,
    ],
    ["PEFT version", config?.peftVersion],
  ];
  return facts.flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [[name, value] as const],
  );
}
