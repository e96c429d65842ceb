import type { UserStage } from "../core/session/stageOf";
import type { UserStages } from "../protocol/checkpointCalls";

export function stageLookup(userStages: UserStages): UserStage {
  const stages = new Map(userStages);
  return (path) => stages.get(path);
}
