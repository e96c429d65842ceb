import type { LogFormat } from "../logFormat";
import { readStreamLog } from "../streamLog";
import { EventParser } from "./eventParser";

/** `.profile-empty` marks a folder of profiles and holds nothing. */
const eventFile = /(?:^|\.)tfevents(?:$|\.)(?!.*\.(?:profile-empty|json|txt|csv|png)$)/;

/** Every event file begins with an event that says `brain.Event:2`. */
const versionMark = "brain.Event:";

export const tensorboardFormat: LogFormat = {
  id: "tensorboard",
  label: "TensorBoard events",
  matches(name, head) {
    if (head.length === 0) return eventFile.test(name);
    return String.fromCharCode(...head.subarray(0, 64)).includes(versionMark) || eventFile.test(name);
  },
  read: (input, from, options) => readStreamLog(input, from, options, () => new EventParser()),
};
