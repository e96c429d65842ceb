import { dialects } from "../../../src/core/adapter/dialects/dialectTable";
import { cannotMerge } from "../../../src/core/adapter/methods/method";
import { methods } from "../../../src/core/adapter/methods/methodTable";
import { loraVariants } from "../../../src/core/adapter/methods/variants";

/** Where each dialect or variant is held against numbers by numpy: folder and files of test/fixtures. */
const fixtures: Readonly<Record<string, string>> = {
  peft: "lora/peft_f32, peft_bf16, peft_layers",
  kohya: "lora/kohya",
  diffusers: "lora/diffusers, adapterKinds/attention_processors, two_transformers",
  comfyui: "adapterKinds/differences",
  diffsynth: "adapterKinds/diffsynth",
  xlabs: "adapterKinds/xlabs",
  mlx: "lora/mlx",
  "mlx-vlm": "adapterKinds/mlx_vlm",
  torchtune: "adapterKinds/torchtune_experts",
  litgpt: "adapterKinds/litgpt",
  sam: "adapterKinds/sam",
  gguf: "adapter.test.ts",
  lycoris: "factored/loha, lokr",
  "svd-factors": "factored/svd",
  "control-lora": "factored/control_lora",
  LORA: "lora, adapterKinds",
  ADALORA: "lora/peft_adalora",
  LOHA: "factored/loha, peft_loha",
  LOKR: "factored/lokr",
  SVD: "factored/svd",
  rslora: "lora/peft_f64_rslora",
  dora: "lora/peft_layers, adapterKinds/dora_cut",
  "lora-bias": "adapterKinds/bias",
  qalora: "adapterKinds/qalora",
  bdlora: "adapterKinds/bdlora",
  alora: "adapterKinds/alora",
  "merged-linear": "adapterKinds/enable_lora, litgpt",
  experts: "adapterKinds/fused_experts, stacked_experts, torchtune_experts",
  transposed: "adapterKinds/transposed, transposed_alone",
};

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

const yes = (is: boolean) => (is ? "yes" : "no");

/** The text of docs/adapters.md, from the descriptors that the program itself works by. */
export function adapterTables(): string {
  const dialectRows = dialects.map(({ id, name, writtenBy, example, rule, writtenAs }) => [
    name,
    writtenBy,
    `\`${example[0]}\``,
    rule,
    writtenWords[writtenAs ?? "not"],
    fixtures[id] ?? "–",
  ]);
  const variantRows = loraVariants.map(({ id, name, update, toldBy, reduces, merges }) => [
    name,
    update,
    toldBy,
    id === "experts" ? "each expert" : id === "arrow" ? "each adapter" : "yes",
    yes(reduces),
    yes(merges),
    fixtures[id] ?? "–",
  ]);
  const methodRows = methods.map((method) => [
    method.name,
    method.update,
    method.trains,
    `\`${method.example}\``,
    method.whyNotMeasured === undefined ? "yes" : `no: it ${method.whyNotMeasured}`,
    cannotMerge(method) === undefined ? "has a plain ΔW" : "no",
    fixtures[method.id] ?? "–",
  ]);
  return `# Adapters: dialects, variants and methods

Made from the descriptors in \`src/core/adapter/dialects\` and \`src/core/adapter/methods\` by
\`test/core/adapter/adapterTables.ts\`; a test fails where the two differ. "Fixture" names what is held against numbers
that numpy computed (\`test/fixtures\`, with the script that made each).

## Dialects

How the tensors of an adapter are named. All of them are recognised without a configuration, measured, and compared with
each other. "Written as" is the naming that a reduced or extracted adapter gets.

${table(["dialect", "written by", "the down-projection, e.g.", "how the factors lie; the scale", "written as", "fixture"], dialectRows)}

Two spellings of diffusers' attention (\`attn1.processor.to_k_lora.down\` and \`unet.….attn1.to_k.lora.down\`) are one
module, named the newer way. Wrappers' parts of a name (\`module.\`, \`_orig_mod.\`, \`_fsdp_wrapped_module.\`, repeated
\`base_model.model.\`) are not part of it; \`_orig_mod.\` is warned of, because PEFT does not match it.

litgpt's fused attention is divided into query (as many outputs as inputs), key and value (equal); files from before
litgpt 0.5.5 keep these rows interleaved by head, which nothing in the file tells. Rank, alpha and which parts are
adapted come from hyperparameters.yaml beside it; without that file the scale is said to be assumed, and two parts are
taken for query and value.

## Variants of LoRA

All have \`peft_type: LORA\` or none. "Reduced" means by us and exactly; "can be merged" means that adding ΔW to the base,
as its own program does it, gives the same model.

${table(["variant", "update", "told by", "measured", "reduced", "can be merged", "fixture"], variantRows)}

Experts of PEFT's \`target_parameters\` are told from \`experts.base_layer\` beside \`experts\` even without a
configuration; how many experts there are then is not known, and they are listed without numbers rather than measured as
one product. Of a fused layer that is wrapped twice the inner update is gate_up_proj, as PEFT wraps in the order of the
module.

Beside an adapter that has a module for each expert, one that keeps a layer's experts in one module is compared with it
expert by expert (of PEFT's fused experts up to 64 in a layer).

## Methods

"Measured" methods have small factors: their norms and spectra are shown, they are compared, reduced and extracted like
LoRA (LoHa and LoKr up to a rank of 256, and not in their Tucker form). The others are named, with what they train.

${table(["method", "update", "what it trains", "a tensor, e.g.", "measured", "merged", "fixture"], methodRows)}

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
