import { isJsonArray, isJsonObject, type JsonObject, type JsonValue, jsonString } from "../json/parseJson";
import type { Problem } from "../problem/problem";
import { quote } from "../text/quote";
import type { HealthSubject } from "./healthSubject";
import {
  compareReleases,
  fieldsOfTraining,
  lenientRelease,
  loraFields,
  type PeftRelease,
  peftTypes,
} from "./peftReleases";

/** What nearly every release reads; nobody needs to be told. */
const commonRelease: PeftRelease = "0.4.0";

/** The oldest PEFT that reads an adapter's configuration and does what it says, where that is no old one. */
export function peftNeeds({ folder, adapterConfig }: HealthSubject): readonly Problem[] {
  const config = folder.adapterConfig?.value;
  const type = adapterConfig?.peftType;
  if (config === undefined || type === undefined || !config.has("peft_type")) return [];
  if (type === "BONE") return [boneNeed()];
  const needs = type === "LORA" ? loraNeeds(config) : typeNeeds(type);
  const newest = latest(needs.map(({ release }) => release));
  if (newest === undefined || compareReleases(newest, commonRelease) <= 0) return [];
  const whats = needs.filter(({ release }) => release === newest).map(({ what }) => what);
  const message = `Needs PEFT ≥ ${newest}, the first that knows ${whats.join(", ")}.${strictness(config, newest)}`;
  return [{ severity: "info", code: "PeftVersion", message }];
}

interface Need {
  readonly what: string;
  readonly release: PeftRelease;
}

function typeNeeds(type: string): readonly Need[] {
  const release = peftTypes.get(type);
  return release === undefined ? [] : [{ what: `peft_type ${quote(type)}`, release }];
}

function loraNeeds(config: JsonObject): readonly Need[] {
  const needs = [...loraFields].flatMap(([field, release]): Need[] =>
    fieldsOfTraining.has(field) || !isSet(config.get(field)) ? [] : [{ what: field, release }],
  );
  // PiSSA and its kin change the base as they are loaded, unless they were converted on saving.
  const init = jsonString(config.get("init_lora_weights"));
  const release = init === undefined ? undefined : initRelease(init);
  return release === undefined
    ? needs
    : [...needs, { what: `init_lora_weights ${quote(init ?? "")}`, release }];
}

function initRelease(init: string): PeftRelease | undefined {
  if (init.startsWith("pissa")) return "0.11.0";
  const releases: Readonly<Record<string, PeftRelease>> = {
    gaussian: "0.7.0",
    loftq: "0.7.0",
    olora: "0.12.0",
    eva: "0.14.0",
    corda: "0.15.0",
    orthogonal: "0.16.0",
    lora_ga: "0.19.0",
    mica: "0.20.0",
  };
  return releases[init];
}

/** Whether a field says something: null, false and what is empty are every field's way to say nothing. */
function isSet(value: JsonValue | undefined): boolean {
  if (value === undefined || value === null || value === false || value === "") return false;
  if (isJsonArray(value)) return value.length > 0;
  return isJsonObject(value) ? value.size > 0 : true;
}

/** Old loaders fail also at fields that say nothing. */
function strictness(config: JsonObject, newest: PeftRelease): string {
  if (compareReleases(newest, lenientRelease) >= 0) return "";
  const unknown = [...loraFields].filter(
    ([field, release]) => config.has(field) && compareReleases(release, newest) > 0,
  );
  const [first] = unknown;
  if (first === undefined) return "";
  return ` The file has newer fields too (${unknown.map(([field]) => field).join(", ")}): PEFT before ${lenientRelease} fails at those that it does not know, newer ones leave them out.`;
}

function boneNeed(): Problem {
  const message = 'Needs PEFT 0.14.0 to 0.18.1: peft_type "BONE" was removed in 0.19.0 in favour of MISS.';
  return { severity: "info", code: "PeftVersion", message };
}

function latest(releases: readonly PeftRelease[]): PeftRelease | undefined {
  return [...releases].sort(compareReleases).at(-1);
}
