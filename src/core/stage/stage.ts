import { isJsonObject, type JsonObject, type JsonValue, jsonNumber, jsonString } from "../json/parseJson";
import { stageFromName } from "./stageWords";

export type StageSource = "user" | "stage-file" | "metadata" | "config" | "name" | "tensors";

/** The moment of a LoRA pipeline that a snapshot was saved at, and how that is known. */
export interface StageLabel {
  /** One of `knownStages` or free text. */
  readonly stage: string;
  readonly source: StageSource;
  /** A sentence for people. */
  readonly reason: string;
  /** Guessed from a recipe or a name, rather than said by somebody. */
  readonly inferred: boolean;
}

/**
 * What `checkpoint-stage.json` beside a snapshot's weights holds: one JSON object, of which only `stage` is needed.
 * Training scripts may write it; `reduce` and `extract` do (stageFileText.ts). Other members are kept for people:
 *
 *     {
 *       "stage": "fine-tuning",                 svd, rank-reduction, fine-tuning, base, merged, or free text
 *       "note": "lr 1e-4 on the new data",      one line
 *       "createdBy": "train.py",                program and version
 *       "createdAt": "2026-01-02T03:04:05Z",    ISO 8601
 *       "parent": "../02-rank-reduction",       the snapshot it was made from, relative to this folder or absolute
 *       "method": { "name": "truncated-svd", "kind": "rank", "rank": 8 },   how; any members
 *       "energyKept": 0.972,                    share of Σσ² of the parent's update, over all modules
 *       "modules": { "model.layers.0.self_attn.q_proj": { "rank": 8, "energyKept": 0.981 } }
 *     }
 */
export interface StageFile {
  readonly stage: string;
  readonly note?: string;
  readonly createdBy?: string;
  readonly createdAt?: string;
  readonly parent?: string;
  readonly energyKept?: number;
}

/** What may tell a stage; leave out what is not known. */
export interface StageEvidence {
  /** Set by the user in this workspace. */
  readonly userStage?: string | undefined;
  /** The parsed `checkpoint-stage.json`. */
  readonly stageFile?: JsonValue | undefined;
  /** `__metadata__` of the safetensors file. */
  readonly metadata?: ReadonlyMap<string, string> | undefined;
  readonly adapterConfig?: JsonObject | undefined;
  /** Optimizer steps done. */
  readonly step?: number | undefined;
  /** The checkpoint's own folder first, then its parents. */
  readonly folderNames: readonly string[];
  /** Of a checkpoint that is a single file. */
  readonly fileName?: string | undefined;
  /** It is no adapter and has no base model: then words like `pruned` in its name speak of something else. */
  readonly standsAlone?: boolean | undefined;
  /** It is no adapter: `final` in a name then says that a training ended, and not which. */
  readonly isNoAdapter?: boolean | undefined;
}

/** Longer labels are somebody's notes; lists and tabs cannot show them. */
const maxStageLength = 100;

/**
 * The stage of a checkpoint, from the surest evidence to the weakest (DESIGN §1): the user, the stage file,
 * the file's metadata, the adapter's recipe, the names. What the tensors say comes later: see `refineStage`.
 */
export function detectStage(evidence: StageEvidence): StageLabel | undefined {
  return (
    fromUser(evidence.userStage) ??
    fromStageFile(evidence.stageFile) ??
    fromMetadata(evidence.metadata) ??
    fromRecipe(evidence.adapterConfig, evidence.step) ??
    (evidence.standsAlone === true ? undefined : fromNames(evidence))
  );
}

/** Reads `checkpoint-stage.json`; undefined when it names no stage. Unknown members are ignored. */
export function parseStageFile(value: JsonValue): StageFile | undefined {
  if (!isJsonObject(value)) return undefined;
  const stage = normalizeStage(jsonString(value.get("stage")));
  if (stage === undefined) return undefined;
  const text = (key: string) => {
    const member = jsonString(value.get(key));
    return member === undefined ? {} : { [key]: member };
  };
  const energyKept = jsonNumber(value.get("energyKept"));
  return {
    stage,
    ...text("note"),
    ...text("createdBy"),
    ...text("createdAt"),
    ...text("parent"),
    ...(energyKept !== undefined && energyKept >= 0 && energyKept <= 1 ? { energyKept } : {}),
  };
}

/** One spelling for the known stages; other text is kept, on one line, without control characters. */
export function normalizeStage(text: string | undefined): string | undefined {
  const line = (text ?? "")
    .replace(/[\s\p{Cc}\p{Cf}]+/gu, " ")
    .trim()
    .slice(0, maxStageLength)
    .trim();
  if (line === "") return undefined;
  const word = line.toLowerCase().replace(/[\s_-]+/g, "");
  return spellings.get(word) ?? line;
}

const spellings: ReadonlyMap<string, string> = new Map([
  ["svd", "svd"],
  ["aftersvd", "svd"],
  ["rankreduction", "rank-reduction"],
  ["rankreduced", "rank-reduction"],
  ["reduced", "rank-reduction"],
  ["finetuning", "fine-tuning"],
  ["finetuned", "fine-tuning"],
  ["finetune", "fine-tuning"],
  ["ft", "fine-tuning"],
  ["sft", "fine-tuning"],
  ["base", "base"],
  ["merged", "merged"],
]);

function fromUser(userStage: string | undefined): StageLabel | undefined {
  const stage = normalizeStage(userStage);
  return stage === undefined ? undefined : { stage, source: "user", reason: "You set it.", inferred: false };
}

function fromStageFile(value: JsonValue | undefined): StageLabel | undefined {
  const file = value === undefined ? undefined : parseStageFile(value);
  if (file === undefined) return undefined;
  const by = file.createdBy === undefined ? "" : ` (by ${file.createdBy})`;
  const reason = `checkpoint-stage.json says so${by}.`;
  return { stage: file.stage, source: "stage-file", reason, inferred: false };
}

function fromMetadata(metadata: ReadonlyMap<string, string> | undefined): StageLabel | undefined {
  const stage = normalizeStage(metadata?.get("stage"));
  if (stage !== undefined) {
    return { stage, source: "metadata", reason: "The file's metadata says so.", inferred: false };
  }
  // What kohya's resize_lora leaves behind (lora.md §1.2).
  const comment = metadata?.get("ss_training_comment") ?? "";
  const resized = /\bdimension is resized from\b|\bdynamic resize with\b/i.test(comment);
  if (!resized) return undefined;
  const reason = "The training comment in the file's metadata says that the rank was resized.";
  return { stage: "rank-reduction", source: "metadata", reason, inferred: true };
}

/** Initialisations that factor the base weight (lora.md §1.1): their adapter at step 0 is an SVD product. */
const factoringInit = /^(?:pissa(?:_niter_\d+)?|olora|eva|corda|loftq)$/;

/** The recipe stays in the config when training goes on: it tells the stage only of an untrained adapter. */
function fromRecipe(config: JsonObject | undefined, step: number | undefined): StageLabel | undefined {
  const init = jsonString(config?.get("init_lora_weights"));
  if (init === undefined || step !== 0 || !factoringInit.test(init)) return undefined;
  const reason = `adapter_config.json says init_lora_weights "${init}", and no step was trained.`;
  return { stage: "svd", source: "config", reason, inferred: true };
}

/** Folders that every project has: they say nothing, so the folder above may speak. */
const generic =
  /^(?:results?|outputs?|out|models?|weights|saves?|snapshots?|adapters?|lora(?:[-_](?:out|model))?)$/i;
const numbered =
  /^(?:checkpoints?|ckpts?|runs?|exp|experiments?|version|tmp|global|step|iter|epoch|[-_=\d])+$/i;

/** The nearest name that says anything decides: a project called `svd-study` does not label all its runs. */
function fromNames({ fileName, folderNames, isNoAdapter }: StageEvidence): StageLabel | undefined {
  const isSure = isNoAdapter === true;
  const fromFile = fileName === undefined ? undefined : labelOfName(fileName, "file", isSure);
  if (fromFile !== undefined) return fromFile;
  for (const name of folderNames) {
    const label = labelOfName(name, "folder", isSure);
    if (label !== undefined || !(generic.test(name) || numbered.test(name))) return label;
  }
  return undefined;
}

function labelOfName(name: string, what: "file" | "folder", isSure: boolean): StageLabel | undefined {
  const found = stageFromName(what === "file" ? name.replace(/\.[A-Za-z]\w*$/, "") : name, isSure);
  if (found === undefined) return undefined;
  const reason = `The ${what} is called "${name}" (${found.word}).`;
  return { stage: found.stage, source: "name", reason, inferred: true };
}
