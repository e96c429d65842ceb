import type { UserStage } from "../core/checkpoint/checkpointSession";
import type { UserStages } from "../protocol/checkpointCalls";

export function stageLookup(userStages: UserStages): UserStage {
  const stages = new Map(userStages);
  return (path) => stages.get(path);
}
