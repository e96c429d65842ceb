import { isJsonObject, type JsonObject, jsonNumber } from "../../json/parseJson";
import type { Problem } from "../../problem/problem";
import { formatShape, type Tensor } from "../../tensors/tensor";
import { architectureOf } from "./modelConfig";

/** The last layer of transformers' classifiers, by its name. */
const lastLayer =
  /(?:^|\.)(?:score|classifier|classifier\.out_proj|classifier\.dense_out|qa_outputs|logits_proj)\.weight$/;

/** Anything by which an architecture might call its head. */
const anyHead = /score|classif|logits|summary|seq_relationship|\bhead|cls/i;

/** As trainers of reward and value models call theirs; transformers looks for its own name alone. */
const foreignHead = /(?:^|\.)(?:value|reward|regression|critic|rm|v)_head\./;

/** The head that config.json announces: whether it is among the weights, and of a classifier has a row for each label. */
export function predictionHead(json: JsonObject, tensors: readonly Tensor[]): readonly Problem[] {
  const architecture = architectureOf(json) ?? "";
  const lost = otherHead(architecture, tensors);
  if (lost !== undefined) return [lost];
  if (!/For(?:Sequence|Token|Image|Audio)Classification$/.test(architecture)) return [];
  // A head of a language model is what is left where the classifier's was not saved.
  const heads = tensors.filter(
    ({ name }) => anyHead.test(name) && !/(?:^|\.)lm_head\./.test(name) && !foreignHead.test(name),
  );
  if (heads.length === 0) {
    const foreign = tensors.find(({ name }) => foreignHead.test(name));
    const isDecoder = tensors.some(({ name }) => /^(?:model\.layers|transformer\.h)\.\d/.test(name));
    const name = isDecoder ? " (score.weight)" : "";
    const hint =
      foreign === undefined
        ? ""
        : ` ${foreign.name} is that of another trainer, which transformers leaves out.`;
    const message = `config.json says ${architecture}, and the weights hold no head that classifies${name}: it would be initialised at random.${hint}`;
    return [{ severity: "warning", code: "HeadMissing", message }];
  }
  const labels = labelCount(json);
  const last = tensors.filter(({ name, shape }) => lastLayer.test(name) && shape.length === 2).at(-1);
  if (labels === undefined || last === undefined || last.shape[0] === labels) return [];
  const message = `config.json says ${labels} labels, ${last.name} is ${formatShape(last.shape)} (${last.shape[0]}): loaders expect them to agree.`;
  return [{ severity: "warning", code: "ConfigDisagrees", message, tensor: last.name }];
}

/** What heads that predict tokens or spans are made of beside the embedding, which their last layer may share. */
const otherHeads: readonly (readonly [architecture: RegExp, head: RegExp, example: string])[] = [
  [
    /^Bert(?:ForMaskedLM|ForPreTraining|LMHeadModel)$/,
    /(?:^|\.)cls\.predictions\.transform\.dense\.weight$/,
    "cls.predictions.transform.dense.weight",
  ],
  [
    /^(?:Roberta|XLMRoberta|XLMRobertaXL|Camembert|MPNet)For(?:MaskedLM|CausalLM)$/,
    /(?:^|\.)lm_head\.dense\.weight$/,
    "lm_head.dense.weight",
  ],
  [/^DistilBertForMaskedLM$/, /(?:^|\.)vocab_transform\.weight$/, "vocab_transform.weight"],
  [
    /^ElectraForMaskedLM$/,
    /(?:^|\.)generator_predictions\.dense\.weight$/,
    "generator_predictions.dense.weight",
  ],
  [/^AlbertForMaskedLM$/, /(?:^|\.)predictions\.dense\.weight$/, "predictions.dense.weight"],
  [
    /^(?:Bert|Roberta|XLMRoberta|DistilBert|Electra|Albert|DebertaV2|Camembert|MPNet)ForQuestionAnswering$/,
    /(?:^|\.)qa_outputs\.weight$/,
    "qa_outputs.weight",
  ],
];

function otherHead(architecture: string, tensors: readonly Tensor[]): Problem | undefined {
  const [, head, example] = otherHeads.find(([pattern]) => pattern.test(architecture)) ?? [];
  if (head === undefined || tensors.some(({ name }) => head.test(name))) return undefined;
  const message = `config.json says ${architecture}, and the weights hold no ${example}: the head would be initialised at random.`;
  return { severity: "warning", code: "HeadMissing", message };
}

/** transformers leaves the number out where the labels are listed. */
function labelCount(json: JsonObject): number | undefined {
  const listed = json.get("id2label");
  return isJsonObject(listed) ? [...listed].length : jsonNumber(json.get("num_labels"));
}
