/** What the name of a checkpoint says about the moment it was saved at. */
export interface NamedMoment {
  readonly step?: number;
  readonly epoch?: number;
  /** A count of saves, which orders checkpoints but is no step. */
  readonly index?: number;
  /** Values that a file name tells, as Lightning writes them: `epoch=3-val_loss=0.25`. */
  readonly metrics?: readonly (readonly [name: string, value: number])[];
}

export interface StepFolderName extends NamedMoment {
  /** The trainer was still writing it (`tmp-checkpoint-N`, transformers 4.36). */
  readonly temporary: boolean;
}

const stepFolder =
  /^(tmp-)?(checkpoint|ckpt|global[-_]?step|steps?|iter|iteration|epoch)[-_=]?(\d{1,15})(?:_universal)?$/i;

/**
 * `checkpoint-500` (Hugging Face), `epoch_1` and `step_100` (torchtune), `global_step10` and `global_step10_universal` (DeepSpeed),
 * `iter_0000100` (Megatron), `last-step00000200-state` and `last-000003-state` (sd-scripts), `checkpoint_3` (accelerate: the third save, when its files say so).
 */
export function parseStepFolder(name: string, isAccelerate = false): StepFolderName | undefined {
  const ofState = /^.+-(?:step(\d{8})|(\d{6}))-state$/.exec(name);
  if (ofState !== null) {
    const moment = ofState[1] === undefined ? { epoch: Number(ofState[2]) } : { step: Number(ofState[1]) };
    return { ...moment, temporary: false };
  }
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
 * The moment in a file name: kohya `<name>-000001` (epoch) and `<name>-step00000500`, ai-toolkit
 * `<name>_000000500`, OneTrainer `…-save-500-2-10` (step, epoch, step of the epoch), MLX `0000100_adapters`,
 * Lightning `epoch=9-step=5000-val_loss=0.25`, VITS `G_1000`, Composer `ep1-ba500-rank0`, and plain `…step_500`, `…epoch_3`, `iter-100`, `ckpt_7`.
 */
export function parseStageFileName(fileName: string): StageFileName {
  const stem = stemOfFile(fileName);
  // StyleGAN's, which counts thousands of images.
  const snapshot = /^network-snapshot-(\d{1,9})$/.exec(stem);
  if (snapshot !== null) return { index: Number(snapshot[1]) };
  const kohya = /^(.+)-(\d{6})$/.exec(stem);
  if (kohya?.[1] !== undefined) return { series: kohya[1], epoch: Number(kohya[2]) };
  const stepped = /^(.+)(?:-step(\d{8})|_(0\d{8}))$/.exec(stem);
  if (stepped?.[1] !== undefined) return { series: stepped[1], step: Number(stepped[2] ?? stepped[3]) };
  const oneTrainer = /-save-(\d+)-(\d+)-\d+$/.exec(stem);
  if (oneTrainer !== null) return { step: Number(oneTrainer[1]), epoch: Number(oneTrainer[2]) };
  const mlx = /^(\d+)_adapters$/.exec(stem);
  if (mlx !== null) return { step: Number(mlx[1]) };
  const ofPair = /^(?:net)?[GD]_(\d{1,15})$/.exec(stem);
  if (ofPair !== null) return { step: Number(ofPair[1]) };
  // Composer's: epochs and batches done.
  const composer = /^ep(\d{1,9})-ba(\d{1,15})(?:-rank\d+)?$/.exec(stem);
  if (composer !== null) return { epoch: Number(composer[1]), step: Number(composer[2]) };
  // ESPnet's.
  const espnet = /^(\d{1,9})epoch$/.exec(stem);
  if (espnet !== null) return { epoch: Number(espnet[1]) };
  // Stable-Baselines3's CheckpointCallback.
  const counted = /_(\d{1,15})_steps$/.exec(stem);
  if (counted !== null) return { step: Number(counted[1]) };
  const step = numberAfter(stem, "(?:global[-_]?)?steps?|iter|iteration");
  // A prefix that Lightning's template was given without a separator: `hidden_size64epoch=00`.
  const epoch = numberAfter(stem, "epoch") ?? numberAfter(stem, "\\w*[^\\W_]epoch(?==)");
  const index = step ?? epoch ?? numberAfter(stem, "checkpoint|ckpt");
  const metrics = valuesIn(stem);
  return {
    ...(step === undefined ? {} : { step }),
    ...(epoch === undefined ? {} : { epoch }),
    ...(step !== undefined || epoch !== undefined || index === undefined ? {} : { index }),
    ...(metrics.length === 0 ? {} : { metrics }),
  };
}

/** A file's name without its ending, which may be double: `model_best.pth.tar`. */
export function stemOfFile(name: string): string {
  return name.replace(/(?:\.(?:pth?|ckpt))?\.[A-Za-z]\w*$/, "");
}

function numberAfter(stem: string, words: string): number | undefined {
  const match = new RegExp(`(?:^|[-_.=\\s])(?:${words})[-_=]?(\\d{1,15})(?![\\d.]*\\d)`, "i").exec(stem);
  return match === null ? undefined : Number(match[1]);
}

const counters: ReadonlySet<string> = new Set(["epoch", "step", "global_step"]);
const metricValue =
  /(?:^|[-_])([A-Za-z]\w*(?:\/\w+)*?)=(-?\d{1,15}(?:\.\d{1,20})?(?:e[-+]?\d{1,3})?)(?=[-_]|$)/g;
const plainLoss =
  /(?:^|[-_])((?:(?:train|val|valid|eval|test)[-_])?(?:loss|acc|accuracy|f1|auc|map))[-_](\d{0,6}\.\d{1,20})(?=[-_]|$)/gi;

function valuesIn(stem: string): (readonly [string, number])[] {
  if (stem.length > 512) return [];
  return [...stem.matchAll(metricValue), ...stem.matchAll(plainLoss)].flatMap(([, name = "", value]) =>
    counters.has(name.toLowerCase()) || countsEpochs(name, value) ? [] : [[name, Number(value)] as const],
  );
}

/** `hidden_size64epoch=00` and `transient_epoch=771`; a value with a point is of a metric that Lightning took per epoch. */
function countsEpochs(name: string, value = ""): boolean {
  return /[^_/]epoch$/i.test(name) || (/_epoch$/i.test(name) && /^\d+$/.test(value));
}
