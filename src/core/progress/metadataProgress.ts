import { jsonObjectIn } from "../json/parseJson";
import { loggedNumber } from "./loggedNumber";

/** How far the training was, as the `__metadata__` of a safetensors file says. */
export interface MetadataProgress {
  readonly step?: number;
  readonly epoch?: number;
}

/** kohya and musubi-tuner write `ss_steps` and `ss_epoch`, ai-toolkit a JSON object `training_info`. */
export function metadataProgress(metadata: ReadonlyMap<string, string>): MetadataProgress {
  const info = metadata.get("training_info");
  const members = info === undefined ? undefined : jsonObjectIn(info);
  const step = count(members?.get("step")) ?? count(metadata.get("ss_steps"));
  const epoch = count(members?.get("epoch")) ?? count(metadata.get("ss_epoch"));
  return { ...(step === undefined ? {} : { step }), ...(epoch === undefined ? {} : { epoch }) };
}

function count(value: unknown): number | undefined {
  const number = loggedNumber(value);
  return number !== undefined && Number.isFinite(number) && number >= 0 ? number : undefined;
}
