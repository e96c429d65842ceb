import { tarFile } from "../support/made/tarFile";
import { hidingPlaces } from "./hidingPlaces";
import { hostilePickles, wholePickle } from "./hostilePickles";
import { mutate, type Random } from "./mutate";
import { folderOf } from "./samples";
import type { Made } from "./structured";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const header = '{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
const weights = Uint8Array.from([
  header.length,
  ...Array(7).fill(0),
  ...bytesOf(header),
  ...Array(8).fill(0),
]);
const clean = { "/f/model.safetensors": weights, "/f/config.json": bytesOf('{"model_type":"llama"}') };

/** A pickle that means harm beside clean weights, or in a folder below them, under names that loaders and people open. */
export function hostileSibling(random: Random): Made {
  const pickle = random.of(hostilePickles);
  const { place, fileName, hide } = random.of(hidingPlaces);
  const folder = random.of(["/f", "/f", "/f/global_step5", "/f/extra"]);
  const stem = random.of(["optimizer", "scheduler", "rng_state_0", "training_args", "scaler", "notes"]);
  const name = fileName.replace(/^a(?=\.)/, stem);
  return {
    files: { ...clean, [`${folder}/${name}`]: hide(wholePickle(pickle)) },
    path: "/f",
    mustBeTold: `${pickle.way}, in ${place}, beside clean weights as ${name}`,
  };
}

const fragments = [
  ...[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\n",
    "  ",
    "- ",
    '"',
    "'",
    "\\",
    "\\u0000",
    "#",
    "%",
    "---\n",
    "&a ",
    "*a",
  ],
  ...[
    "_target_",
    "class_path",
    "auto_map",
    "custom_pipelines",
    "trust_remote_code",
    "chat_template",
    "loader_module",
  ],
  ...[
    "py/object",
    "py/reduce",
    "type",
    "os.system",
    "a/b--c.D",
    "true",
    "null",
    "1e999",
    "\u202e",
    "Lambda",
    "config",
  ],
  ...[
    "!!python/object/apply:os.system",
    "!<tag:yaml.org,2002:python/name:a.b>",
    "%TAG ! tag:yaml.org,2002:python/\n",
  ],
  ...[
    "{{",
    "}}",
    "{%",
    "%}",
    "__class__",
    "|attr(",
    "['__' ~ 'globals__']",
    "{% include 'x' %}",
    "lipsum",
    "\\x5f",
  ],
];
const settingNames = [
  ...[
    "generation_config.json",
    "tokenizer_config.json",
    "model_index.json",
    "modules.json",
    "processor_config.json",
  ],
  ...[
    "hparams.yaml",
    "config.yaml",
    ".hydra/config.yaml",
    "MLmodel",
    "chat_template.jinja",
    "adapter_config.json",
  ],
];

/** Settings in which code is looked for: of the pieces that readers look at, in any order, at any depth. */
export function settingsOfCode(random: Random): Made {
  const name = random.of(settingNames);
  const repeated = random.below(20) === 0 ? random.of(fragments).repeat(random.below(20_000)) : "";
  const pieces = Array.from({ length: random.below(60) }, () => random.of(fragments)).join("") + repeated;
  const text =
    name.endsWith(".json") && random.below(2) === 0 ? JSON.stringify({ [pieces]: pieces }) : pieces;
  return { files: { ...clean, [`/f/${name}`]: bytesOf(text) }, path: "/f" };
}

let ranks: readonly Uint8Array[] | undefined;

/** An archive of NeMo with the files of several ranks, some of which are lost, damaged, hostile or called otherwise. */
export function nemoRanks(random: Random): Made {
  ranks ??= Object.entries(folderOf("deepspeed/megatron_tp2_pp2").files)
    .filter(([name]) => name.endsWith("model_optim_rng.pt"))
    .map(([, bytes]) => bytes);
  const [first = new Uint8Array()] = ranks;
  const members = Array.from({ length: random.below(5) }, (_, at) => {
    const rank = random.of([at, at, at, 0, 9999]);
    const folder = random.of([
      `mp_rank_0${rank}/`,
      `tp_rank_0${rank}_pp_rank_000/`,
      `./mp_rank_0${rank}/`,
      "",
      "../",
    ]);
    const bytes = random.of([...(ranks ?? []), wholePickle(random.of(hostilePickles))]);
    const content = random.below(3) === 0 ? mutate(bytes, first, random) : bytes;
    const type = random.below(12) === 0 ? { type: random.of(["2", "5", "L", "x"]) } : {};
    return {
      name: `${folder}${random.of(["model_weights.ckpt", "model_weights.ckpt", "x.pkl"])}`,
      content,
      ...type,
    };
  });
  const config = {
    name: "model_config.yaml",
    content: bytesOf("target: a.Model\ntensor_model_parallel_size: 2\n"),
  };
  const archive = tarFile([config, ...members]);
  return {
    files: { "/f/m.nemo": random.below(4) === 0 ? mutate(archive, first, random) : archive },
    path: "/f/m.nemo",
  };
}
