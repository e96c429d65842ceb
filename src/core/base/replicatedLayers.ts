import type { AdapterConfig } from "../adapter/adapterConfig";

const layerNumber = /(^|\.)(layers?|h)\.(\d{1,6})(?=\.)/;

/** No model has so many; a range beyond it is no range of layers. */
const maxLayers = 100_000;

/**
 * The module of the base that is adapted under another number, where `layer_replication` makes layers anew out of ranges
 * of the base's (PEFT tuners/tuners_utils.py, replicate_layers); the same path without it.
 */
export function moduleOfBase(module: string, ranges: AdapterConfig["layerRanges"] = []): string {
  const [part = "", front = "", list = "", number = ""] = layerNumber.exec(module) ?? [];
  let before = 0;
  for (const [first, end] of ranges) {
    const count = Math.min(end - first, maxLayers);
    const at = Number(number) - before;
    if (part !== "" && at < count) return module.replace(part, `${front}${list}.${first + at}`);
    before += Math.max(count, 0);
  }
  return module;
}
