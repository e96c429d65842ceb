import type { LoraModuleRow, LoraView } from "../../../../src/core/session/loraView";
import { trainingSample } from "../run/trainingSample";
import { type EditorSample, layOut, summaryOf, type TensorSpec } from "./editorSample";

const rank = 8;
const hidden = 256;
const layers = 6;
const targets = ["q_proj", "k_proj", "v_proj", "o_proj"] as const;
const folder = "/home/ada/runs/tiny-lora/03-fine-tuning/checkpoint-300";

const moduleNames = Array.from({ length: layers }, (_, layer) =>
  targets.map((target) => `model.layers.${layer}.self_attn.${target}`),
).flat();

/** A small LoRA adapter with everything beside it: the kind of file the extension is for. */
export function adapterSample(): EditorSample {
  const specs: TensorSpec[] = moduleNames.flatMap((module) => [
    { name: `base_model.model.${module}.lora_A.weight`, dtype: "F32", shape: [rank, hidden] },
    { name: `base_model.model.${module}.lora_B.weight`, dtype: "F32", shape: [hidden, rank] },
  ]);
  specs.push({ name: "base_model.model.lm_head.weight", dtype: "BF16", shape: [1024, hidden] });
  const tensors = layOut(specs);
  const path = `${folder}/adapter_model.safetensors`;
  return {
    tensors,
    training: trainingSample(),
    lora: loraSample(),
    health: [
      {
        severity: "info",
        code: "BaseFits",
        message: "All 24 modules are in the base tiny-decoder/base, by name and by shape.",
      },
    ],
    resume: {
      answer: "partly",
      sentence: "In part: without the random state dropout and the order of the data differ.",
      checks: [
        { what: "Parameters", verdict: "ok", reason: "adapter_model.safetensors is whole." },
        { what: "Random state", verdict: "missing", reason: "No random state is here." },
      ],
    },
    state: {
      status: "ready",
      summary: summaryOf(tensors, (name) => /^(.*?\.layers\.\d+|.*(?=\.))/.exec(name)?.[1], {
        name: "adapter_model.safetensors",
        path,
        kind: "adapter",
        headline: ["LoRA adapter", "rank 8", "24 modules", "360 K parameters", "F32 and BF16", "step 300"],
        parts: [
          { label: "adapter", files: [file("adapter_model.safetensors", 917_504)] },
          { label: "optimizer state", files: [file("optimizer.pt", 1_834_211)] },
          { label: "scheduler", files: [file("scheduler.pt", 1064)] },
          {
            label: "training progress",
            files: [file("trainer_state.json", 61_233), file("training_args.bin", 5304)],
          },
        ],
        missingParts: [
          { label: "random state", meaning: "data order and dropout will differ from the original run" },
          { label: "base model", meaning: "an adapter needs its base model: tiny-decoder/base" },
        ],
        resumable: { answer: "partly", reason: "Everything but the random state is here." },
        metadata: [
          ["format", "pt"],
          ["stage", "fine-tuning"],
        ],
        configs: [
          {
            fileName: "adapter_config.json",
            path: `${folder}/adapter_config.json`,
            rows: [
              ["peft_type", "LORA"],
              ["base_model_name_or_path", "tiny-decoder/base"],
              ["r", "8"],
              ["lora_alpha", "16"],
              ["lora_dropout", "0.05"],
              ["target_modules[0]", "q_proj"],
              ["target_modules[1]", "k_proj"],
              ["target_modules[2]", "v_proj"],
              ["target_modules[3]", "o_proj"],
              ["modules_to_save[0]", "lm_head"],
              ["bias", "none"],
              ["use_rslora", "false"],
              ["task_type", "CAUSAL_LM"],
              ["inference_mode", "true"],
            ],
          },
        ],
        adapter: { method: "LoRA", baseModel: "tiny-decoder/base", moduleCount: 24, comparable: true },
        progress: {
          step: 300,
          epoch: 2.4,
          maxSteps: 400,
          learningRate: 1.2e-5,
          loss: 1.8371,
          evalLoss: 1.9402,
          bestMetric: 1.9311,
          bestCheckpoint: "checkpoint-200",
        },
        stage: {
          stage: "fine-tuning",
          reason: "the folder is called 03-fine-tuning",
          inferred: true,
        },
        hasTraining: true,
        problems: [
          {
            severity: "info",
            code: "SavedWhole",
            message: "lm_head.weight was saved whole beside the factors (modules_to_save).",
            tensor: "base_model.model.lm_head.weight",
          },
        ],
      }),
    },
  };
}

function file(name: string, bytes: number) {
  return { name, path: `${folder}/${name}`, bytes };
}

function loraSample(): LoraView {
  return {
    facts: [
      ["Rank", "8"],
      ["Alpha", "16"],
      ["Scale", "2"],
      ["Base model", "tiny-decoder/base"],
      ["Dropout", "0.05"],
      ["Target modules", "q_proj, k_proj, v_proj, o_proj"],
    ],
    modules: moduleNames.map(loraRow),
    savedWhole: [{ name: "lm_head.weight", shape: [1024, hidden] }],
    problems: [],
    findings: [
      {
        code: "DuplicateComponents",
        severity: "warning",
        message: "1 of 8 components repeats another one in 1 module, so its rank is lower than it says.",
        modules: ["model.layers.0.self_attn.o_proj"],
        moduleCount: 1,
      },
      {
        code: "RankToSpare",
        severity: "info",
        message: "99 % of the energy of 22 modules is in 6 of 8 ranks: rank 6 would keep nearly all of it.",
        modules: moduleNames.slice(0, 22),
        moduleCount: 22,
      },
    ],
    fingerprint: {
      kind: "trained",
      label: "trained factors",
      stage: "fine-tuning",
      confidence: "high",
      reason: "neither A nor B is orthogonal in 23 of 23 modules.",
      count: 23,
      total: 23,
    },
  };
}

/** The same adapter after the factors of its broken module were saved anew. */
export function measurableSample(): EditorSample {
  const sample = adapterSample();
  const { lora } = sample;
  if (lora === undefined) return sample;
  const modules = lora.modules.map((row) =>
    row.metrics === undefined ? { ...(lora.modules[3] as LoraModuleRow), module: row.module } : row,
  );
  return { ...sample, lora: { ...lora, modules } };
}

/** A spectrum that falls off faster in deeper layers; the last module holds NaN. */
function loraRow(module: string, index: number): LoraModuleRow {
  const row = {
    module,
    rank,
    alpha: 16,
    scale: 2,
    inFeatures: hidden,
    outFeatures: hidden,
    dtype: "F32",
  };
  if (index === moduleNames.length - 1) {
    return { ...row, metrics: undefined, unavailable: "lora_B holds 3 NaN." };
  }
  const decay = 0.25 + (index % 7) * 0.08;
  const singularValues = Float64Array.from(
    { length: rank },
    (_, at) => (0.4 + index * 0.021) * Math.exp(-decay * at),
  );
  const energy = singularValues.reduce((total, value) => total + value * value, 0);
  const energyRank = (share: number) => {
    let rest = energy;
    let kept = 0;
    while (kept < rank && rest > (1 - share) * energy) rest -= (singularValues[kept++] ?? 0) ** 2;
    return kept;
  };
  const total = singularValues.reduce((sum, value) => sum + value, 0);
  const entropy = singularValues.reduce((sum, value) => sum - (value / total) * Math.log(value / total), 0);
  const spectral = singularValues[0] ?? 0;
  return {
    ...row,
    metrics: {
      normA: 1.6 + index * 0.01,
      normB: 0.2 + index * 0.017,
      frobenius: Math.sqrt(energy),
      spectral,
      nuclear: total,
      stableRank: energy / spectral ** 2,
      effectiveRank: Math.exp(entropy),
      rank90: energyRank(0.9),
      rank95: energyRank(0.95),
      rank99: energyRank(0.99),
      singularValues,
    },
    fingerprint: "trained",
    health: {
      balance: (0.2 + index * 0.017) / (1.6 + index * 0.01),
      deadComponents: 0,
      duplicateComponents: index === 3 ? 1 : 0,
      cancellation: 1.7,
    },
  };
}

/** An adapter whose change only the weights of its base tell. */
export function factorlessSample(): EditorSample {
  const sample = adapterSample();
  return {
    ...sample,
    lora: { facts: [["Method", "IA³"]], modules: [], savedWhole: [], problems: [], findings: [] },
  };
}
