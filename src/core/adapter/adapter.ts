import type { JsonObject } from "../json/parseJson";
import type { Problem } from "../problem/problem";
import type { Tensor } from "../tensors/tensor";
import { AdapterBuilder } from "./adapterBuilder";
import type { AdapterConfig } from "./adapterConfig";
import { collectParts } from "./adapterParts";
import { AdapterProblems } from "./adapterProblems";
import type { DialectId } from "./dialects/dialect";
import type { LoraModule } from "./loraModule";
import { isForeignTo, isProductMethod } from "./methods/methodTable";
import { unmarkedAdapter } from "./unmarkedAdapter";

/** A LoRA or a relative of it, as the names and shapes of its tensors tell. */
export interface Adapter {
  /** The naming most of its modules follow. */
  readonly dialect: DialectId;
  /** PEFT's word for the method, e.g. `LORA`; LyCORIS's and others' methods are given the same words. */
  readonly method: string;
  /** In the order of the file. Empty for methods whose update is no product of two factors. */
  readonly modules: readonly LoraModule[];
  /** Trained or saved whole beside the factors: `modules_to_save`, embeddings, biases. */
  readonly savedTensors: readonly Tensor[];
  /** Whole differences beside the factors (`.diff`, `.diff_b`), which no module's ΔW contains. */
  readonly differences: readonly Tensor[];
  /** Copies of base weights that were not trained (`base_layer`, PEFT's `original_module`). */
  readonly frozenTensors: readonly Tensor[];
  /** A full model in which the adapters stand unmerged or are built in. */
  readonly carriesModel: boolean;
  /** Tensors of a method that is not compared, e.g. LoHa's `hada_w1_a`. */
  readonly otherTensors: readonly Tensor[];
  /** Parts of a LoRA that belong to no complete pair. */
  readonly unpaired: readonly Tensor[];
  readonly problems: readonly Problem[];
}

/**
 * Recognises an adapter among `tensors` and pairs its factors, in time linear in their number. Undefined when
 * neither names nor `config` speak of one.
 * @param metadata The file's text metadata (`__metadata__` of safetensors, string values of GGUF).
 * @param modelConfig config.json beside the file, which gives the scale of built-in adapters.
 */
export function findAdapter(
  tensors: readonly Tensor[],
  config: AdapterConfig | undefined,
  metadata: ReadonlyMap<string, string>,
  modelConfig?: JsonObject,
): Adapter | undefined {
  const method = config?.peftType;
  if (method !== undefined && !isProductMethod(method)) return otherAdapter(tensors, method, config);
  const parts = collectParts(tensors);
  const isLora = parts.groups.size > 0 || parts.composed.length > 0 || parts.otherMethod !== undefined;
  if (!isLora) {
    const unmarked = unmarkedAdapter(tensors, config, metadata);
    if (unmarked !== undefined || method === undefined) return unmarked;
  }
  return new AdapterBuilder(config, metadata, modelConfig).build(parts, method);
}

function otherAdapter(
  tensors: readonly Tensor[],
  method: string,
  config: AdapterConfig | undefined,
): Adapter {
  const saved = new Set(config?.modulesToSave);
  const isSaved = (tensor: Tensor) =>
    saved.size > 0 && tensor.name.split(".").some((part) => saved.has(part));
  const problems = new AdapterProblems();
  if (
    isForeignTo(
      method,
      tensors.map(({ name }) => name),
    )
  )
    problems.otherMethod(method);
  else problems.notMeasured(method);
  return {
    differences: [],
    frozenTensors: [],
    carriesModel: false,
    unpaired: [],
    dialect: "peft",
    method,
    modules: [],
    savedTensors: tensors.filter(isSaved),
    otherTensors: tensors.filter((tensor) => !isSaved(tensor)),
    problems: problems.list,
  };
}
