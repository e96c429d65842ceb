import { joinPath } from "../../bytes/paths";
import { lostRegistered, missingRegistered } from "../../parts/registered";
import type { Problem } from "../../problem/problem";
import type { HealthSubject } from "../healthSubject";

/** An object that a training registered with accelerate, and that is not among the others. */
export function registeredGap({ folder }: HealthSubject): readonly Problem[] {
  const lost = missingRegistered(folder.files);
  if (lost === undefined) return [];
  const file = joinPath(folder.folder, lost);
  return [{ severity: "error", code: "MissingFile", message: `${lost} ${lostRegistered}`, file }];
}
