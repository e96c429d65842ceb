import type { FolderContext } from "../checkpoint/folderContext";
import type { Problem } from "../problem/problem";
import type { HealthSubject } from "./healthSubject";

/** Names under which one library looks for the same weights, the one that it takes first. */
const pairs: readonly (readonly [taken: string, left: string, library: string])[] = [
  ["adapter_model.safetensors", "adapter_model.bin", "PEFT"],
  ["model.safetensors", "pytorch_model.bin", "transformers"],
];

interface Copies {
  readonly taken: string;
  readonly left: string;
  readonly library: string;
}

/** The file that is open and its twin in the folder; undefined where there is none. */
export function copiesOf(name: string, folder: FolderContext): Copies | undefined {
  const isThere = (wanted: string) => holdsFile(folder, wanted);
  const [taken, left, library] =
    pairs.find((pair) => [pair[0], pair[1]].includes(name) && isThere(pair[0]) && isThere(pair[1])) ?? [];
  return taken === undefined || left === undefined || library === undefined
    ? undefined
    : { taken, left, library };
}

function holdsFile({ files }: FolderContext, wanted: string): boolean {
  return files.some(({ kind, name }) => kind === "file" && name === wanted);
}

/**
 * The same weights twice in a folder, under names of which loaders take one: after another save the second may be of
 * another moment. Their values are not compared here.
 */
export function secondCopies(subject: HealthSubject): readonly Problem[] {
  const { checkpoint, folder } = subject;
  const isThere = (wanted: string) => holdsFile(folder, wanted);
  const own = (code: string, severity: Problem["severity"], message: string): Problem => ({
    severity,
    code,
    message,
    file: checkpoint.path,
  });
  const pair = copiesOf(checkpoint.name, folder);
  const found: Problem[] = [];
  if (pair !== undefined) {
    const { taken, left, library } = pair;
    const message = `${taken} and ${left} lie side by side: ${library} takes ${taken}. Only some values of the two are compared, and those where the folder is opened.`;
    found.push(own("TwoCopies", "info", message));
  }
  const stem = /^(model|adapter_model)(?:\.safetensors(?:\.index\.json)?|-\d{5}-of-\d{5}\.safetensors)$/.exec(
    checkpoint.name,
  )?.[1];
  const shards = folder.files.filter(({ name }) => /^\w+-\d{5}-of-\d{5}\.safetensors$/.test(name));
  const ofStem = shards.filter(({ name }) => name.startsWith(`${stem}-`));
  found.push(...besideAdapter(subject));
  if (stem === undefined || ofStem.length === 0 || !isThere(`${stem}.safetensors`)) return found;
  const index = `${stem}.safetensors.index.json`;
  const others = isThere(index)
    ? `, vLLM and others the ${ofStem.length} shards that ${index} names`
    : `; the ${ofStem.length} shards beside it, such as ${ofStem[0]?.name}, are named by no index`;
  const message = `${stem}.safetensors and shards of ${stem} lie side by side: transformers takes the one file${others}. One of the two is left over from another save.`;
  return [...found, own("TwoModels", "warning", message)];
}

/** What trainers save beside an adapter of the same training, and loaders of adapters do not read. */
const trainedBeside: readonly (readonly [name: RegExp, what: string])[] = [
  [
    /^non_lora_(?:trainables|state_dict)\.bin$/,
    "what was trained whole beside the factors, such as a projector (LLaVA)",
  ],
  [/^mm_projector\.bin$/, "a projector that was trained beside it (LLaVA)"],
  [/^(?:value_head|v_head)\.(?:bin|safetensors|pt)$/, "a value head that was trained beside it"],
  [/^new_embeddings\.safetensors$/, "embeddings of new tokens"],
];

const wholeModel =
  /^(?:model|pytorch_model)\.(?:safetensors|bin)$|^(?:model|pytorch_model)\.(?:safetensors|bin)\.index\.json$/;

/** Files of weights beside an adapter that the adapter's numbers and merges do not contain. */
function besideAdapter({ checkpoint, folder, adapter }: HealthSubject): readonly Problem[] {
  if (adapter === undefined || !/^adapters?(?:_model)?\.(?:safetensors|bin)$/.test(checkpoint.name))
    return [];
  const names = folder.files.flatMap(({ kind, name }) => (kind === "file" ? [name] : []));
  const told = (message: string): Problem => ({
    severity: "info",
    code: "WeightsBeside",
    message,
    file: checkpoint.path,
  });
  const trained = names.flatMap((name) => {
    const what = trainedBeside.find(([pattern]) => pattern.test(name))?.[1];
    return what === undefined
      ? []
      : [
          told(
            `${name} lies beside the adapter: ${what}. It belongs to the trained model; neither the numbers here nor a merge of the adapter contain it.`,
          ),
        ];
  });
  const model = names.find((name) => wholeModel.test(name));
  // Adapters of DeepSpeed's and TRL's checkpoints have the model's other parts under that name, without its config.json.
  if (model === undefined || !names.includes("config.json")) return trained;
  const message = `${model} lies beside ${checkpoint.name}: a whole model and an adapter in one folder. Only the adapter is looked at here; transformers and vLLM take one of the two by adapter_config.json and config.json, and whether the model has the adapter merged into it already is not told.`;
  return [...trained, told(message)];
}
