import type { ContentValue, MapValue } from "../formats/contentValue";
import { mappingOf } from "../formats/contentView";
import type { FileContent } from "../formats/format";
import { keyText } from "../formats/pythonText";

/** Keys under which people save a model beside its optimizer. */
export const modelKeys: ReadonlySet<string> = new Set([
  "model",
  "model_state_dict",
  "state_dict",
  "module",
  "net",
  "network",
]);

/** An average or an older state of a model that the file holds as well. */
const copyNames = /(?:^|[._])(?:ema|target|avg|averaged|swa|best)(?:[._]|$)/i;

/** What a state dict of a module has and a table of data has not. */
const parameterNames = /\.|^(?:weight|bias)$/;

const maxEntries = 200;
/** Enough entries of a state dict to tell it from other dicts. */
const maxLookedAt = 64;

/**
 * Where the models of a training checkpoint lie, as tensors are named: `generator`, `models.actor`. They are told by
 * their structure, a dict of named tensors, whatever its key; a module saved as an object by its usual key. Averages
 * and targets are left out where what they are copies of is there. Empty for a file that is nothing but weights.
 */
export function modelsInside(content: FileContent): readonly string[] {
  const root = mappingOf(content.root);
  if (root === undefined || isStateDict(root, content)) return [];
  const found: string[] = [];
  for (const [key, value] of entriesOf(root)) {
    const path = keyText(key);
    if (isStateDict(value, content) || modelKeys.has(path)) found.push(path);
    else if (!isNoModel(path)) {
      for (const [inner, member] of entriesOf(mappingOf(value))) {
        if (isStateDict(member, content)) found.push(`${path}.${keyText(inner)}`);
      }
    }
  }
  const filled = found.filter((path) => holdsTensors(content, `${path}.`));
  const own = filled.filter((path) => !copyNames.test(path));
  return own.length > 0 ? own : filled;
}

function entriesOf(dict: MapValue | undefined): readonly (readonly [ContentValue, ContentValue])[] {
  return dict === undefined || dict.size > maxEntries ? [] : [...dict.entries()];
}

/** Lightning's and timm's callbacks keep tensors under paths of files, optimizers theirs under numbers. */
function isNoModel(key: string): boolean {
  return /callback|optim|sched|rng|random|loop|metric|history|buffer|memory/i.test(key);
}

function isStateDict(value: ContentValue, content: FileContent): boolean {
  const dict = mappingOf(value);
  if (dict === undefined || dict.size === 0 || dict.has("param_groups")) return false;
  let named = 0;
  const count = Math.min(dict.size, maxLookedAt);
  for (let at = 0; at < count; at++) {
    const key = dict.keys[at];
    const tensor = content.tensors.get(dict.values[at] as ContentValue);
    if (typeof key !== "string" || tensor === undefined) continue;
    if (parameterNames.test(key) && tensor.shape.length > 0) named++;
  }
  // Counters of batch norm have no axis, and `_extra_state` and the like are no tensors.
  return named * 2 >= count;
}

function holdsTensors({ tensors }: FileContent, prefix: string): boolean {
  for (const { name } of tensors.values()) if (name.startsWith(prefix)) return true;
  return false;
}
