import { methodName } from "../adapter/methods/methodTable";
import type { Problem } from "../problem/problem";
import { elementCount, type Tensor } from "../tensors/tensor";
import { metaReason } from "../tensors/tensorLayout";
import { plural } from "../text/quantities";
import type { HealthSubject } from "./healthSubject";

/** Formats that hold nothing but tensors, so that a file without any is no file of weights. */
const tensorFormats: ReadonlySet<string> = new Set(["safetensors", "gguf"]);

/** Names under which torch files hold weights and nothing else. */
const weightsName =
  /^(?:adapter_model|pytorch_model|pytorch_lora_weights|model|consolidated)[\w.-]*\.(?:bin|pt|pth)$/;

const floating: ReadonlySet<string> = new Set(["F64", "F32", "F16", "BF16"]);

/** No weights at all, and weights of no values: what a save of sharded parameters leaves that did not gather them. */
export function absentValues(subject: HealthSubject): readonly Problem[] {
  const { checkpoint } = subject;
  if (checkpoint.tensors.length === 0) return withoutTensors(subject);
  return [...withoutValues(subject), ...onMeta(subject), ...scalesAlone(subject)];
}

function withoutTensors(subject: HealthSubject): readonly Problem[] {
  const { checkpoint, adapterConfig } = subject;
  const { format, name, path } = checkpoint;
  const isWeights =
    tensorFormats.has(format) || (subject.inside?.kind === undefined && weightsName.test(name));
  if (!isWeights || checkpoint.problems.some(({ severity }) => severity === "error")) return [];
  const announced =
    adapterConfig?.peftType === undefined
      ? ""
      : `, although adapter_config.json announces ${adapterConfig.peftType}`;
  const message = `${name} holds no tensors at all${announced}.${announced === "" ? "" : ` ${cause(subject)}`}`;
  return [{ severity: "error", code: "NoTensors", message, file: path }];
}

function withoutValues(subject: HealthSubject): readonly Problem[] {
  const { checkpoint } = subject;
  const empty = emptyParameters(subject);
  const [first] = empty;
  if (first === undefined) return [];
  const weights = checkpoint.tensors.filter(isParameter);
  const which = `${empty.length} of ${plural(weights.length, "tensor")} ${empty.length === 1 ? "holds" : "hold"} no values`;
  const message = `${which}: ${first.name} has the shape [${first.shape.join(", ")}]${empty.length === 1 ? "" : ", and the others likewise"}. ${cause(subject)}`;
  const file = checkpoint.files[first.fileIndex]?.path ?? checkpoint.path;
  // A rank that was not gathered has no rows; columns are missing only where the layer was made without inputs.
  const narrow = empty.find(({ shape }) => (shape[0] ?? 0) > 0);
  if (narrow === undefined || isLoraFactor(narrow.name))
    return [{ severity: "error", code: "NoValues", message, file, tensor: first.name }];
  const made = `${which}: ${narrow.name} has the shape [${narrow.shape.join(", ")}]. The model was made with a layer of width 0, which passes nothing on: what follows it gives its bias alone.`;
  return [{ severity: "warning", code: "NoWidth", message: made, file, tensor: narrow.name }];
}

/** What goes with the factors of an adapter, one number for a module. */
const scaleName = /(?:^|\.)(alpha|lora_alpha|scale|scaling|rank|r|dropout|dropout_p)$/;

/** An adapter of which all was saved but its factors, as where only what lies beside them was looked for. */
function scalesAlone({ checkpoint }: HealthSubject): readonly Problem[] {
  const { tensors, name, path } = checkpoint;
  // First, because it ends with the first name of nearly every model.
  if (!tensors.every((tensor) => scaleName.test(tensor.name))) return [];
  const kinds = tensors.map((tensor) => scaleName.exec(tensor.name)?.[1]);
  if (!kinds.includes("alpha") && !kinds.includes("lora_alpha") && !kinds.includes("scaling")) return [];
  if (tensors.some(({ shape }) => elementCount(shape) !== 1)) return [];
  const what = [...new Set(kinds)].join(" and ");
  const message = `All of the ${plural(tensors.length, "tensor")} of ${name} are ${what} of modules, one number each: the factors of the adapter were not saved, and what it learnt is not here.`;
  return [{ severity: "error", code: "NoFactors", message, file: path }];
}

/** torch saves a tensor of its "meta" device without a word, as a shape. */
function onMeta({ checkpoint }: HealthSubject): readonly Problem[] {
  const meta = checkpoint.tensors.filter(({ layout }) => layout?.storage.absent === metaReason);
  const [first] = meta;
  if (first === undefined) return [];
  const which = `${meta.length} of ${plural(checkpoint.tensors.length, "tensor")} ${meta.length === 1 ? "is on" : "are on"} the meta device`;
  const message = `${which}, such as ${first.name}: shapes were saved, and no values. Save again once the weights are made or loaded (to_empty, load_state_dict with assign=True), or use another checkpoint.`;
  const file = checkpoint.files[first.fileIndex]?.path ?? checkpoint.path;
  return [{ severity: "error", code: "NoValues", message, file, tensor: first.name }];
}

/** DeepSpeed's own file of a process: under ZeRO-3 it holds shapes of 0 by design, the values lie beside it. */
const ownShard = /_model_states\.pt$/;

/** Parameters that were saved with no values. */
export function emptyParameters({ checkpoint, adapterConfig }: HealthSubject): readonly Tensor[] {
  if (ownShard.test(checkpoint.name)) return [];
  // AdaLoRA prunes factors to no rows; any other factor of no values was not gathered.
  const prunes = adapterConfig?.peftType === "ADALORA";
  const isEmpty = (tensor: Tensor) =>
    elementCount(tensor.shape) === 0 && isParameter(tensor) && !(prunes && tensor.shape.length > 1);
  const empty = checkpoint.tensors.filter(isEmpty);
  // A bias may be switched off that way; a weight is not.
  return empty.some(({ name }) => !/(?:^|\.)bias$/.test(name)) ? empty : [];
}

function isParameter({ name, dtype }: Tensor): boolean {
  if (!floating.has(dtype)) return false;
  return isLoraFactor(name) || /(?:^|\.)(?:weight|bias)$/.test(name);
}

function isLoraFactor(name: string): boolean {
  return /(?:^|\.)lora_(?:A|B|up|down|embedding_[AB])(?:\.|$)/.test(name);
}

/** Methods of PEFT's whose files have held nothing although one process trained them: their tensors were passed over. */
const savesNothing: ReadonlySet<string> = new Set(["XLORA", "OSF"]);

function cause({ folder, adapterConfig, checkpoint }: HealthSubject): string {
  const sharded = folder.files.find(
    ({ kind, name }) => kind === "directory" && /^(?:global_step\d+|pytorch_model_fsdp(?:_\d+)?)$/.test(name),
  );
  const type = adapterConfig?.peftType;
  if (
    sharded === undefined &&
    checkpoint.tensors.length === 0 &&
    type !== undefined &&
    savesNothing.has(type)
  )
    return `PEFT leaves such a file where it adapted no module, or finds none of what ${methodName(type)} trained as it saves: what was trained is not here. Save again from the model in memory, or use an earlier checkpoint.`;
  const why =
    "The parameters were probably not gathered from all processes when this was saved (ZeRO-3 or FSDP)";
  return sharded === undefined
    ? `${why}; save again, or use an earlier checkpoint.`
    : `${why}: the real ones lie in ${sharded.name}/, from which they can be put together.`;
}
