import { basename, dirname, join } from "node:path";
import { findAdapter } from "../../../src/core/adapter/adapter";
import { dialects } from "../../../src/core/adapter/dialects/dialectTable";
import { methods } from "../../../src/core/adapter/methods/methodTable";
import { loraVariants } from "../../../src/core/adapter/methods/variants";
import { BaseWeights } from "../../../src/core/base/baseWeights";
import { comparePairs } from "../../../src/core/compare/modules/comparePairs";
import type { CheckpointSession } from "../../../src/core/session/checkpointSession";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { mergeableAdapter } from "../../../src/core/transform/model/mergeRefusal";
import { reductionProblem } from "../../../src/core/transform/reductionRefusal";
import { loadModule, type MeasuredModule } from "../../../src/core/update/measureModule";
import { type AdapterFile, openFixture, tensor } from "./adapterFile";

/** What is held against numbers by numpy: folder and files of test/fixtures. The first tells what can be done with it. */
const fixtures: Readonly<Record<string, readonly string[]>> = {
  peft: ["lora/peft_f32", "lora/peft_bf16", "lora/peft_layers"],
  kohya: ["lora/kohya"],
  diffusers: ["lora/diffusers", "adapterKinds/attention_processors", "adapterKinds/two_transformers"],
  comfyui: ["adapterKinds/differences"],
  diffsynth: ["adapterKinds/diffsynth"],
  xlabs: ["adapterKinds/xlabs"],
  mlx: ["lora/mlx"],
  "mlx-vlm": ["adapterKinds/mlx_vlm"],
  torchtune: ["adapterKinds/torchtune_experts"],
  megatron: ["adapterKinds/megatron", "adapterKinds/megatron_stacked"],
  litgpt: ["adapterKinds/litgpt"],
  sam: ["adapterKinds/sam"],
  lycoris: ["factored/loha", "factored/lokr"],
  "svd-factors": ["factored/svd"],
  "control-lora": ["factored/control_lora"],
  LORA: ["lora/peft_f32", "lora/kohya"],
  ADALORA: ["lora/peft_adalora"],
  LOHA: ["factored/loha", "factored/peft_loha", "factored/tucker_loha"],
  LOKR: ["factored/lokr", "factored/tucker_lokr"],
  SVD: ["factored/svd"],
  GRALORA: ["factored/gralora"],
  DELORA: ["factored/delora"],
  VBLORA: ["factored/vblora", "factored/vblora_topk"],
  VERA: ["factored/vera"],
  C3A: ["factored/c3a"],
  rslora: ["lora/peft_f64_rslora"],
  dora: ["lora/peft_layers", "adapterKinds/dora_cut", "overBase/dora", "overBase/dora_conv"],
  OFT: ["overBase/oft_exact", "overBase/oft_series", "overBase/oft_old"],
  BOFT: ["overBase/boft", "overBase/boft_one"],
  HRA: ["overBase/hra", "overBase/hra_orthogonal"],
  ROAD: ["overBase/road_1", "overBase/road_2", "overBase/road_4"],
  IA3: ["overBase/ia3_outputs", "overBase/ia3_inputs", "overBase/ia3_turned"],
  HIRA: ["overBase/hira"],
  BONE: ["overBase/bone"],
  FOURIERFT: ["overBase/fourierft", "overBase/fourierft_ortho"],
  SHIRA: ["overBase/shira"],
  RANDLORA: ["overBase/randlora", "overBase/randlora_tall"],
  MISS: ["overBase/miss", "overBase/miss_remainder", "overBase/miss_mini", "overBase/miss_bat"],
  "lora-bias": ["adapterKinds/bias"],
  kasa: ["peft/kasa/adapter_model"],
  qalora: ["adapterKinds/qalora"],
  bdlora: ["adapterKinds/bdlora"],
  alora: ["adapterKinds/alora"],
  "merged-linear": ["adapterKinds/enable_lora", "adapterKinds/litgpt"],
  experts: ["adapterKinds/fused_experts", "adapterKinds/stacked_experts", "adapterKinds/torchtune_experts"],
  "unsloth-experts": ["adapterKinds/fused_experts"],
  transposed: ["adapterKinds/transposed", "adapterKinds/transposed_alone"],
};

/** Dialects of which the numbers are held against numpy for experts only, or through the shapes alone (adapter.test.ts). */
const told: ReadonlySet<string> = new Set(["torchtune", "gguf"]);

/** What the program does with the first fixture of a row, or else with its example, found by doing it. */
async function cellsOf(id: string): Promise<readonly string[]> {
  const [path] = told.has(id) ? [] : (fixtures[id] ?? []);
  const { adapter, config, read } =
    path === undefined
      ? exampleOf(id)
      : openFixture(basename(path), join(import.meta.dirname, "../../fixtures", dirname(path)));
  const checkpoint = { tensors: [], name: id };
  const adapterConfig = id === "unsloth-experts" && config ? { ...config, isOfUnsloth: true } : config;
  const session = { adapter, adapterConfig, checkpoint } as unknown as CheckpointSession;
  const loaded = await Promise.all(adapter.modules.map((module) => loadModule(module, read)));
  const measured = loaded.map((one) => one.measure());
  const pairs = loaded.map((one) => comparePairs([one, one], "all").pairs[0]);
  const isSame = (pair: (typeof pairs)[0]) =>
    pair?.relativeChange === 0 || pair?.reason === "Both updates are zero.";
  const is = (holds: (one: MeasuredModule) => boolean) => measured.length > 0 && measured.every(holds);
  return [
    is(({ measurement }) => measurement.experts !== undefined)
      ? "each expert"
      : yes(is(({ measurement }) => measurement.metrics !== undefined)),
    yes(pairs.length > 0 && pairs.every(isSame)),
    yes(reductionProblem(session) === undefined),
    yes(isMergeable(session) && isFoundInBase(id)),
  ];
}

/** How the model that a dialect's example is for names the weight that is adapted. */
const baseNames: Readonly<Record<string, string>> = {
  peft: "model.layers.0.self_attn.q_proj.weight",
  kohya: "down_blocks.0.attentions.0.proj_in.weight",
  diffusers: "blocks.0.attn.to_q.weight",
  comfyui: "blocks.0.self_attn.q.weight",
  diffsynth: "blocks.0.attn.to_q.weight",
  xlabs: "double_blocks.0.img_attn.qkv.weight",
  mlx: "model.layers.0.self_attn.q_proj.weight",
  torchtune: "layers.0.attn.q_proj.weight",
  megatron: "decoder.layers.0.self_attention.linear_qkv.weight",
  litgpt: "transformer.h.0.attn.proj.weight",
  sam: "image_encoder.blocks.0.attn.qkv.weight",
  gguf: "model.layers.0.self_attn.q_proj.weight",
  "control-lora": "input_blocks.1.0.in_layers.2.weight",
};

function isFoundInBase(id: string): boolean {
  const name = baseNames[id];
  if (name === undefined) return true;
  const [module] = exampleOf(id).adapter.modules;
  return module !== undefined && new BaseWeights([tensor(name, [16, 24])]).find(module.module) !== undefined;
}

function exampleOf(id: string): AdapterFile {
  const [down, up] = dialects.find((dialect) => dialect.id === id)?.example ?? ["", ""];
  const adapter = findAdapter([tensor(down, [4, 24]), tensor(up, [16, 4])], undefined, new Map());
  if (adapter === undefined) throw new Error(`${id} is not told from its example.`);
  const read = async ({ byteSize }: Tensor) =>
    new Uint8Array(Float32Array.from({ length: byteSize / 4 }, (_, at) => Math.sin(at)).buffer);
  return { adapter, config: undefined, read };
}

function isMergeable(session: CheckpointSession): boolean {
  try {
    mergeableAdapter(session);
    return true;
  } catch {
    return false;
  }
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

const writtenWords = {
  peft: "PEFT",
  kohya: "kohya",
  plain: "its own names",
  kept: "its own names and configuration",
  not: "not written",
};

const cellHeads = ["measured", "compared", "reduced", "merged"];

const yes = (is: boolean) => (is ? "yes" : "no");

const fixturesOf = (id: string) => fixtures[id]?.join(", ") ?? "–";

/** What is said where a row holds of some files only. */
const exceptions: Readonly<Record<string, readonly [reduced: string, merged: string]>> = {
  LOKR: ["up to rank 256", ""],
  C3A: ["up to rank 256", ""],
  dora: ["", "alone, linear layers"],
};

function withExceptions(id: string, cells: readonly string[]): readonly string[] {
  const more = exceptions[id] ?? [];
  return cells.map((cell, at) => (at < 2 || !more[at - 2] ? cell : `${cell}, ${more[at - 2]}`));
}

/** The text of docs/adapters.md, from the descriptors that the program itself works by and what it does with fixtures. */
export async function adapterTables(): Promise<string> {
  const dialectRows = await Promise.all(
    dialects.map(async ({ id, name, writtenBy, example, rule, writtenAs }) => [
      name,
      writtenBy,
      `\`${example[0]}\``,
      rule,
      ...(await cellsOf(id)),
      writtenWords[writtenAs ?? "not"],
      fixturesOf(id),
    ]),
  );
  const variantRows = await Promise.all(
    loraVariants.map(async ({ id, name, update, toldBy }) => [
      name,
      update,
      toldBy,
      ...(id === "arrow"
        ? ["each adapter", "each adapter", "yes", "no"]
        : withExceptions(id, await cellsOf(id))),
      fixturesOf(id),
    ]),
  );
  const methodRows = await Promise.all(
    methods.map(
      async ({ id, name, update, trains, example, measuredWhere, whyNotMeasured, isMeasuredOverBase }) => {
        const cells =
          whyNotMeasured === undefined
            ? withExceptions(id, await cellsOf(id))
            : [
                `${isMeasuredOverBase ? "over its base; alone " : ""}no: it ${whyNotMeasured}`,
                "its tensors",
                "no",
                "no",
              ];
        const [measured = "", ...rest] = cells;
        const where = measuredWhere === undefined ? measured : `where ${measuredWhere}`;
        return [name, update, trains, `\`${example}\``, where, ...rest, fixturesOf(id)];
      },
    ),
  );
  return `# Adapters: dialects, variants and methods

Made from the descriptors in \`src/core/adapter/dialects\` and \`src/core/adapter/methods\` by
\`test/core/adapter/adapterTables.ts\`; a test fails where the two differ. What is measured, compared, reduced and merged
is found by doing it with the first fixture of the row. "Fixture" names what is held against numbers that numpy computed
(\`test/fixtures\`, with the script that made each).

- measured: norm and spectrum of each module's ΔW; "over its base": how far it moves each weight of a base model that is
  at hand (\`inspect ADAPTER --base PATH\`, or the LoRA tab after *Choose base model…*), of DoRA after its
  normalisation. compared: change and cosine of two such adapters.
- reduced: written anew with a smaller rank (\`reduce\`), exactly but for what is cut. merged: added to a base (\`merge\`).

## Dialects

How the tensors of an adapter are named. All of them are recognised without a configuration, and compared with each
other. "Written as" is the naming that a reduced or extracted adapter gets.

${table(["dialect", "written by", "the down-projection, e.g.", "how the factors lie; the scale", ...cellHeads, "written as", "fixture"], dialectRows)}

Two spellings of diffusers' attention (\`attn1.processor.to_k_lora.down\` and \`unet.….attn1.to_k.lora.down\`) are one
module, named the newer way. Wrappers' parts of a name (\`module.\`, \`_orig_mod.\`, \`_fsdp_wrapped_module.\`, repeated
\`base_model.model.\`) are not part of it; \`_orig_mod.\` is warned of, because PEFT does not match it.

litgpt's fused attention is divided into query (as many outputs as inputs), key and value (equal); files from before
litgpt 0.5.5 keep these rows interleaved by head, which nothing in the file tells. Rank, alpha and which parts are
adapted come from hyperparameters.yaml beside it; without that file the scale and the sizes are said to be assumed, and two parts are
taken for query and value.

## Variants of LoRA

All have \`peft_type: LORA\` or none.

${table(["variant", "update", "told by", ...cellHeads, "fixture"], variantRows)}

Experts of PEFT's \`target_parameters\` are told from \`experts.base_layer\` beside \`experts\` even without a
configuration; how many experts there are then is not known, and they are listed without numbers rather than measured as
one product. Of a fused layer that is wrapped twice the inner update is gate_up_proj, as PEFT wraps in the order of the
module.

Beside an adapter that has a module for each expert, one that keeps a layer's experts in one module is compared with it
expert by expert (of PEFT's fused experts up to 64 in a layer).

## Methods

Of a method that is not measured the tensors are listed with what it trains and what is missing. LoKr and C³A of a rank
above 256 have no small factors: their norms, changes and cosines follow from what is stored, their spectra where the
matrices that they are made of are small.

${table(["method", "update", "what it trains", "a tensor, e.g.", ...cellHeads, "fixture"], methodRows)}

## Beside the factors

- Whole differences (\`.diff\`, \`.diff_b\`, \`w_norm\`) in a file with factors are counted; ‖ΔW‖ does not contain them.
- Rows of an embedding (\`trainable_tokens_delta\`) are counted; they replace rows of the base.
- What is saved whole (\`modules_to_save\`, resized embeddings) is given as a share of the adapter's values.
- Copies of base weights (\`base_layer\`, \`original_module\`) count as neither trained nor untrained. Where most adapted
  modules have their weight beside them, the file is a model with adapters in it (\`"model-with-adapter"\`), with the
  scale of config.json's \`NAME_lora\` where it has one.
- mlx-vlm multiplied by alpha alone while it wrote \`.A\` and \`.B\`; newer versions divide by the rank. Both are said.
- LoKr of two whole matrices: LyCORIS and ComfyUI leave alpha out, PEFT and some trainers do not. Both are said.
`;
}
