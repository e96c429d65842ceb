import type { ResumeAnswer } from "../../../src/core/resume/resumeReport";
import type { IconName } from "../../ui/icon";

export interface VerdictLook {
  readonly icon: IconName;
  readonly tone: string;
}

/** How an answer to "can I resume?" looks, wherever it is given. */
export const resumeLooks: Record<ResumeAnswer, VerdictLook> = {
  yes: { icon: "check", tone: "good" },
  partly: { icon: "warning", tone: "warning" },
  finished: { icon: "check", tone: "good" },
  "weights-only": { icon: "info", tone: "info" },
  no: { icon: "error", tone: "error" },
  unknown: { icon: "info", tone: "info" },
};
