import { baseName } from "../bytes/paths";

/** A file name or ending that means something to the extension, and where it means it. */
export interface FileKind {
  /** With a dot in front an ending, else a whole name. */
  readonly name: string;
  /** `default`: opens in the checkpoint editor; `option`: may be opened with it. */
  readonly editor?: "default" | "option";
  /** Stands in the Explorer's menu to be opened; `compare`: to be compared as well. */
  readonly menu?: "open" | "compare";
  /** Its coming, change or going is news for the list of runs; `log`: its coming and going only. */
  readonly watched?: "checkpoint" | "log";
  /** Opened in the place of its folder, where that is one checkpoint. */
  readonly whole?: boolean;
  /** torch.load is used on such files. */
  readonly torch?: boolean;
}

/**
 * Every file name and ending that the manifest and the watchers name. package.json's selectors and menus are written
 * from it (`npm run format`), and the watchers are made of it. What a file is for in a folder says `parts/parts.ts`,
 * which logs there are says `runs/logs/logNames.ts`.
 */
export const fileKinds: readonly FileKind[] = [
  { name: ".safetensors", editor: "default", menu: "compare", watched: "checkpoint", whole: true },
  { name: ".safetensors.index.json", editor: "option", watched: "checkpoint", whole: true },
  { name: ".pt", editor: "default", menu: "compare", torch: true },
  { name: ".pth", editor: "default", menu: "compare", torch: true },
  { name: ".ckpt", editor: "default", menu: "compare", torch: true },
  { name: ".bin", editor: "option", menu: "compare", torch: true, whole: true },
  // What transformers, PEFT and accelerate write, under names that nothing else has.
  { name: "pytorch_model*.bin", editor: "default" },
  { name: "adapter_model.bin", editor: "default" },
  { name: "optimizer.bin", editor: "default" },
  { name: "training_args.bin", editor: "default" },
  { name: ".distcp", editor: "default", menu: "open" },
  { name: ".pkl", editor: "option", menu: "open", torch: true },
  { name: ".pth.tar", editor: "option", torch: true },
  { name: ".pt2", editor: "option", menu: "open", torch: true },
  { name: ".pdparams", editor: "default", menu: "compare", torch: true },
  { name: ".pdopt", editor: "default", menu: "open", torch: true },
  { name: ".cleanrl_model", editor: "option", torch: true },
  { name: ".bin.index.json", editor: "option", whole: true },
  { name: ".gguf", editor: "default", menu: "compare", whole: true },
  { name: ".npz", editor: "default", menu: "open", whole: true },
  { name: ".npy", editor: "default", menu: "open" },
  { name: ".eqx", editor: "default", menu: "open" },
  { name: ".onnx", editor: "option", menu: "open" },
  { name: ".nemo", editor: "default", menu: "open" },
  { name: ".keras", editor: "default", menu: "compare" },
  { name: ".weights.h5", editor: "default" },
  { name: ".weights.json", editor: "option", whole: true },
  { name: ".h5", editor: "option", menu: "compare" },
  { name: ".hdf5", editor: "option", menu: "compare" },
  { name: ".index", editor: "option", menu: "open" },
  { name: ".msgpack", editor: "option", menu: "compare" },
  { name: "trainer_state.json", watched: "checkpoint" },
  { name: "adapter_config.json", watched: "checkpoint" },
  { name: "checkpoint-stage.json", watched: "checkpoint" },
  { name: "*tfevents*", watched: "log" },
  { name: "metrics.csv", watched: "log" },
  { name: "results.csv", watched: "log" },
  { name: "trainer_log.jsonl", watched: "log" },
  { name: "logging.jsonl", watched: "log" },
  { name: "metrics.jsonl", watched: "log" },
  { name: "scalars.jsonl", watched: "log" },
  { name: "train*.jsonl", watched: "log" },
  { name: "log_*.txt", watched: "log" },
  { name: ".wandb", watched: "log" },
];

/** Files whose coming, change or going changes what a list of runs says. Optimizer shards and the like don't. */
export const checkpointGlob = globOf("checkpoint");

/** Logs grow by every step; only their coming and going asks for a search. */
export const logGlob = globOf("log");

/** Endings of files that torch.load is used on. */
const torchEnding = endingOf(({ torch }) => torch === true);

/** Endings of files that stand for the folder they lie in. */
const wholeEnding = endingOf(({ whole }) => whole === true);

/** Nets that are saved under a name without an ending: `TD3_Hopper-v2_0_actor`, and `…_actor_optimizer` beside it. */
export const bareNet =
  /^[^.]*(?:\.\d[^.]*)*[-_](?:actor|critic|policy|generator|discriminator|encoder|decoder|q_?net(?:work)?)(?:_?\d)?(_optimizer|_optim)?$/i;

/**
 * Stable-Baselines3's archives, as its callbacks, its zoo and its examples name them: `rl_model_10000_steps.zip`,
 * `best_model.zip`, `ppo_cartpole.zip`, `CartPole-v1.zip`.
 */
export const agentArchive =
  /^(?:rl_model(?:_\w+)?|\w+_model|model|.*_\d+_steps|(?:recurrent_?|maskable_?)?(?:ppo|a2c|sac|td3|dqn|ddpg|tqc|trpo|ars|crossq|qr_?dqn)(?:[-_.][\w.-]*)?|\w+-v\d+)\.zip$/i;

/** Whether torch.load is used on files of such a name. */
export function isTorchFile(path: string): boolean {
  return torchEnding.test(path) || bareNet.test(baseName(path));
}

/** Whether a file of such a name stands for its folder, where that is one checkpoint. */
export function standsForFolder(path: string): boolean {
  return wholeEnding.test(path);
}

/** What is known of a file by its name, the longest pattern first; undefined for names that mean nothing. */
export function fileKindOf(path: string): FileKind | undefined {
  const name = baseName(path).toLowerCase();
  const fitting = fileKinds.filter((kind) => fits(name, patternOf(kind)));
  return fitting.sort((a, b) => b.name.length - a.name.length)[0];
}

/** `*` stands for any characters, once or twice in a pattern. */
function fits(name: string, pattern: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.at(-1);
  if (last === undefined) return name === first;
  const middle = rest.slice(0, -1).join("");
  const isLongEnough = name.length >= first.length + middle.length + last.length;
  return isLongEnough && name.startsWith(first) && name.endsWith(last) && name.includes(middle);
}

function globOf(watched: FileKind["watched"]): string {
  return `**/{${fileKinds.flatMap((kind) => (kind.watched === watched ? [patternOf(kind)] : [])).join(",")}}`;
}

function endingOf(is: (kind: FileKind) => boolean): RegExp {
  const endings = fileKinds.filter(is).map(({ name }) => name.replaceAll(".", "\\."));
  return new RegExp(`(?:${endings.join("|")})$`, "i");
}

/** As VS Code writes it: an ending goes with any name before it. */
export function patternOf({ name }: FileKind): string {
  return name.startsWith(".") ? `*${name}` : name;
}
