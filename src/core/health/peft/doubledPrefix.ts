import type { Problem } from "../../problem/problem";
import { plural } from "../../text/quantities";
import type { HealthSubject } from "../healthSubject";

/** kohya's names are `lora_unet_` and the module's path below the U-Net; a conversion left `unet` in the path as well. */
const doubled = /^lora_unet_unet_|^lora_te(\d?)_te\1_/;

/** Names that no program finds: ComfyUI, the web UI and kohya's scripts skip them, or refuse the file. */
export function doubledPrefix({ adapter }: HealthSubject): readonly Problem[] {
  const modules = adapter?.modules ?? [];
  const [first, ...more] = modules.filter(({ module }) => doubled.test(module));
  if (first === undefined) return [];
  const wanted = first.module.replace(/^(lora_(?:unet|te\d?)_)(?:unet|te\d?)_/, "$1");
  const message = `The prefix stands twice in the names of ${plural(more.length + 1, "module")}: ${first.module}, where programs that read kohya's names look for ${wanted}. They find none of them.`;
  return [{ severity: "warning", code: "DoubledPrefix", message }];
}
