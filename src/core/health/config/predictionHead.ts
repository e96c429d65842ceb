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

/** A classifier that config.json announces: whether it is among the weights, and has a row for each label. */
export function predictionHead(json: JsonObject, tensors: readonly Tensor[]): readonly Problem[] {
  const architecture = architectureOf(json) ?? "";
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

/** transformers leaves the number out where the labels are listed. */
function labelCount(json: JsonObject): number | undefined {
  const listed = json.get("id2label");
  return isJsonObject(listed) ? [...listed].length : jsonNumber(json.get("num_labels"));
}
