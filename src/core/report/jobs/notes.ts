import type { Problem } from "../../problem/problem";
import type { CheckpointSession } from "../../session/checkpointSession";
import type { PlannedSource } from "./modelJob";

/** A sentence of a plan. */
export function noteOf(message: string): Problem {
  return { severity: "info", code: "Plan", message };
}

/** Something that the result will lack. */
export function warningOf(code: string, message: string): Problem {
  return { severity: "warning", code, message };
}

/** A checkpoint that will be read, in words. */
export function sourceOf(session: CheckpointSession, role: PlannedSource["role"]): PlannedSource {
  const { headline, fileBytes } = session.summary();
  return { path: session.identity, role, what: headline.slice(0, 4).join(" · "), bytes: fileBytes };
}
