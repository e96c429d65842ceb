/** What the name of a checkpoint says about the moment it was saved at. */
export interface NamedMoment {
  readonly step?: number;
  readonly epoch?: number;
  /** A count of saves, which orders checkpoints but is no step. */
  readonly index?: number;
}

export interface StepFolderName extends NamedMoment {
  /** The trainer was still writing it (`tmp-checkpoint-N`, transformers 4.36). */
  readonly temporary: boolean;
}

const stepFolder = /^(tmp-)?(checkpoint|ckpt|global[-_]?step|steps?|iter|iteration|epoch)[-_=]?(\d{1,15})$/i;

/**
 * `checkpoint-500` (Hugging Face), `epoch_1` and `step_100` (torchtune), `global_step10` (DeepSpeed),
 * `iter_0000100` (Megatron), `checkpoint_3` (accelerate: the third save, when its files say so).
 */
export function parseStepFolder(name: string, isAccelerate = false): StepFolderName | undefined {
  const [, tmp, word = "", digits = ""] = stepFolder.exec(name) ?? [];
  if (word === "") return undefined;
  const number = Number(digits);
  const temporary = tmp !== undefined;
  if (word.toLowerCase() === "epoch") return { epoch: number, temporary };
  if (isAccelerate && /^checkpoint_\d+$/.test(name)) return { index: number, temporary };
  return { step: number, temporary };
}

/** A checkpoint that is one file (or one set of shards) of a series in its folder. */
export interface StageFileName extends NamedMoment {
  /** What the files of one series have in common, kohya's `output_name`; else the folder is the series. */
  readonly series?: string;
}

/**
 * The moment in a file name: kohya `<name>-000001` (epoch) and `<name>-step00000500`, MLX
 * `0000100_adapters`, Lightning `epoch=9-step=5000`, and plain `…step_500`, `…epoch_3`, `iter-100`.
 */
export function parseStageFileName(fileName: string): StageFileName {
  const stem = fileName.replace(/\.[A-Za-z]\w*$/, "");
  const kohya = /^(.+)-(\d{6})$/.exec(stem);
  if (kohya?.[1] !== undefined) return { series: kohya[1], epoch: Number(kohya[2]) };
  const kohyaStep = /^(.+)-step(\d{8})$/.exec(stem);
  if (kohyaStep?.[1] !== undefined) return { series: kohyaStep[1], step: Number(kohyaStep[2]) };
  const mlx = /^(\d+)_adapters$/.exec(stem);
  if (mlx !== null) return { step: Number(mlx[1]) };
  const step = numberAfter(stem, "(?:global[-_]?)?steps?|iter|iteration");
  const epoch = numberAfter(stem, "epoch");
  return { ...(step === undefined ? {} : { step }), ...(epoch === undefined ? {} : { epoch }) };
}

function numberAfter(stem: string, words: string): number | undefined {
  const match = new RegExp(`(?:^|[-_.=\\s])(?:${words})[-_=]?(\\d{1,15})(?![\\d.]*\\d)`, "i").exec(stem);
  return match === null ? undefined : Number(match[1]);
}
