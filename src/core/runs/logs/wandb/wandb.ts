import type { LogFormat } from "../logFormat";
import { readStreamLog } from "../streamLog";
import { isWandbFile } from "./recordFraming";
import { WandbParser } from "./wandbParser";

export const wandbFormat: LogFormat = {
  id: "wandb",
  label: "wandb run",
  matches: (name, head) => (head.length === 0 ? name.endsWith(".wandb") : isWandbFile(head)),
  read: (input, from, options) => readStreamLog(input, from, options, () => new WandbParser()),
};
