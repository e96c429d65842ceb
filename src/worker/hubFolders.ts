import { homedir } from "node:os";
import { join } from "node:path";

/** Where Hugging Face's libraries keep what they downloaded. */
export function hubFolders(): readonly string[] {
  const { HF_HUB_CACHE, HF_HOME } = process.env;
  if (HF_HUB_CACHE) return [HF_HUB_CACHE];
  return [join(HF_HOME || join(homedir(), ".cache", "huggingface"), "hub")];
}
