import type { Random } from "./mutate";
import { mutate } from "./mutate";
import { folderOf, type Sample } from "./samples";
import type { Made } from "./structured";

const names = [
  ...[
    "zero2_roundrobin",
    "zero2_moe",
    "zero1_tensor2",
    "zero3",
    "zero3_single",
    "universal",
    "pipeline",
    "megatron_tp2_pp2",
    "megatron_buffers",
  ].map((name) => `deepspeed/${name}`),
  ...["titan", "pieces", "ranks", "sharded", "verl/actor", "checkpoint-7"].map((name) => `dcp/${name}`),
];

let folders: readonly Sample[] | undefined;

/** A folder of several processes as copying by hand leaves it, with a damaged file now and then. */
export function brokenRanks(random: Random): Made {
  folders ??= names.map((name) => folderOf(name));
  const { files, path } = random.of(folders);
  const whole = damageFolder(files, random);
  if (random.below(2) === 0) return { files: whole, path };
  const target = random.of(Object.keys(whole));
  const bytes = mutate(whole[target] ?? new Uint8Array(), random.of(Object.values(files)), random);
  return { files: { ...whole, [target]: bytes }, path };
}

/** A file is lost, changes places with another, or takes another's number. */
function damageFolder(files: Made["files"], random: Random): Made["files"] {
  const [one, other] = [random.of(Object.keys(files)), random.of(Object.keys(files))];
  const { [one]: taken = new Uint8Array(), ...rest } = files;
  switch (random.below(4)) {
    case 0:
      return rest;
    case 1:
      return { ...files, [one]: files[other] ?? taken, [other]: taken };
    case 2:
      return { ...rest, [withOtherNumber(one, random)]: taken };
    default:
      return { ...files, [withOtherNumber(one, random)]: taken };
  }
}

/** As the file of another rank, step or layer would be called. */
function withOtherNumber(name: string, random: Random): string {
  const numbers = [...name.matchAll(/\d+/g)];
  if (numbers.length === 0) return `${name}.bak`;
  const { 0: digits, index } = random.of(numbers);
  const other = String(random.of([0, 1, 2, 3, 7, 63, 4095, 9_999_999]));
  return name.slice(0, index) + other + name.slice(index + digits.length);
}
