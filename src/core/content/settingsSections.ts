import type { ContentValue, MapValue } from "../formats/contentValue";
import { childrenOf, mappingOf } from "../formats/contentView";
import type { DescribeForeign, FileContent } from "../formats/format";
import { keyText } from "../formats/pythonText";
import { isSecretKey, maskedSecret } from "../text/secretKeys";
import { describeValue, tensorLine } from "./describeValue";
import { type SettingRow, settingsTable } from "./settingsTable";

/** Settings that a file holds besides tensors, as a table with a title. Plain data. */
export interface SettingsGroup {
  readonly title: string;
  readonly rows: readonly SettingRow[];
}

/** Parts of a training checkpoint that are settings or small states, by the keys under which they are saved. */
const partTitles: readonly (readonly [pattern: RegExp, title: string])[] = [
  [/^_?(?:lr_?)?schedulers?(?:_state(?:_dict)?)?$|^lr_schedulers$/i, "Scheduler"],
  [/^(?:grad_?|amp_?)?scaler(?:_state(?:_dict)?)?$|^amp$|^native_amp_scaling_state$/i, "Gradient scaler"],
  [/^(?:.*_)?rng(?:_.*)?$|^random_state$/i, "Random state"],
  [/^(?:training_|model_|train_)?(?:args|arguments|opt|opts)$/i, "Arguments"],
  [/^(?:hyper_parameters|hparams|hyperparameters)$/i, "Hyperparameters"],
  [/^(?:.*_)?(?:config|cfg|settings)$/i, "Configuration"],
  [/^callbacks$/i, "Callbacks"],
  [/^loops$/i, "Loops"],
];

const titlesOfKinds = {
  scheduler: "Scheduler",
  "rng-state": "Random state",
  "training-args": "Training arguments",
} as const;

const maxSections = 24;
/** Of all sections together: they cross to the page with the summary. */
const maxCharacters = 200_000;
const maxText = 1000;

/** What people look up in a file that is more than tensors: arguments, schedules, scalers, and its loose values. */
export function settingsSections(content: FileContent, kind: string | undefined): readonly SettingsGroup[] {
  const whole = titlesOfKinds[kind as keyof typeof titlesOfKinds];
  const sections =
    whole === undefined
      ? partSections(content)
      : [{ title: whole, rows: settingsTable(content.root, describing(content)) }];
  return capped(sections.filter(({ rows }) => rows.length > 0));
}

function partSections(content: FileContent): SettingsGroup[] {
  const { root, tensors } = content;
  const describe = describing(content);
  const mapping = mappingOf(root);
  if (mapping === undefined) return [];
  const sections: SettingsGroup[] = [];
  const loose: SettingRow[] = [];
  // A state dict has as many entries and no settings among them.
  for (const [key, value] of firstEntries(mapping, 500)) {
    const name = keyText(key);
    if (tensors.has(value)) continue;
    const title = partTitles.find(([pattern]) => pattern.test(name))?.[1];
    if (title !== undefined && childrenOf(value).count > 0 && sections.length < maxSections) {
      const rows = rowsOf(value, describe);
      sections.push({ title: `${title} (${name.slice(0, 80)})`, rows });
    } else if (isLoose(value)) {
      loose.push([name, isSecretKey(name) ? maskedSecret : looseText(value, describe)]);
    }
  }
  return loose.length > 0 ? [{ title: "Values", rows: loose }, ...sections] : sections;
}

/** A list of states, as Lightning saves its schedulers, as one table with a number before each. */
function rowsOf(value: ContentValue, describe: DescribeForeign | undefined): readonly SettingRow[] {
  const rows = settingsTable(value, describe);
  if (rows.length > 0) return rows;
  const children = childrenOf(value);
  const listed: SettingRow[] = [];
  for (let at = 0; at < Math.min(children.count, 16); at++) {
    const inner = settingsTable(children.value(at), describe);
    if (inner.length === 0) listed.push([children.label(at), describeValue(children.value(at), describe)]);
    else for (const [key, text] of inner) listed.push([`${children.label(at)}.${key}`, text]);
  }
  return listed;
}

/** A tensor among settings, as a random state is one, is told by dtype and shape. */
function describing({ tensors, describe }: FileContent): DescribeForeign {
  return (value) => {
    const tensor = tensors.get(value);
    return tensor === undefined ? describe?.(value) : { type: "tensor", text: tensorLine(tensor) };
  };
}

function isLoose(value: ContentValue): boolean {
  return value === null || childrenOf(value).count === 0;
}

function looseText(value: ContentValue, describe: DescribeForeign | undefined): string {
  return typeof value === "string" ? value : describeValue(value, describe);
}

function* firstEntries(mapping: MapValue, limit: number): Iterable<readonly [ContentValue, ContentValue]> {
  let left = limit;
  for (const entry of mapping.entries()) {
    if (left-- <= 0) return;
    yield entry;
  }
}

function capped(sections: readonly SettingsGroup[]): readonly SettingsGroup[] {
  let left = maxCharacters;
  return sections.map(({ title, rows }) => {
    const kept: SettingRow[] = [];
    for (const [key, value] of rows) {
      const row: SettingRow = [key.slice(0, maxText), value.slice(0, maxText)];
      left -= row[0].length + row[1].length + 8;
      if (left < 0) break;
      kept.push(row);
    }
    return { title, rows: kept };
  });
}
