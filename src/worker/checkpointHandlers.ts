import { MemoryByteSource } from "../core/bytes/byteSource";
import type { Files } from "../core/bytes/files";
import { CheckpointSession } from "../core/checkpoint/checkpointSession";
import type { Handlers } from "../protocol/channel";
import type { CheckpointCalls, CheckpointLocation } from "../protocol/checkpointCalls";
import type { HandleMap } from "./handleMap";
import { nodeFiles } from "./nodeFiles";
import { stageLookup } from "./stageLookup";

/** Answers about one open checkpoint. */
export function checkpointHandlers(sessions: HandleMap<CheckpointSession>): Handlers<CheckpointCalls> {
  return {
    open: async ({ location, userStages }, signal) => {
      const { path } = location;
      const files = filesFor(location);
      const session = await CheckpointSession.open(files, path, stageLookup(userStages), signal);
      return { handle: sessions.add(session), summary: session.summary() };
    },
    tensorChunk: ({ handle, first }) => sessions.get(handle).tensorChunk(first),
    training: ({ handle }, signal) => sessions.get(handle).training(signal),
    lora: ({ handle }, signal) => sessions.get(handle).lora(signal),
    contentPage: ({ handle, path, from }) => sessions.get(handle).contentPage(path, from),
    optimizers: ({ handle }) => sessions.get(handle).optimizers(),
    optimizerPage: ({ handle, optimizer, first }, signal) =>
      sessions.get(handle).optimizerPage(optimizer, first, signal),
    resume: ({ handle }, signal) => sessions.get(handle).resume(signal),
  };
}

/** A file whose content was handed over stands alone: nothing beside it can be read. */
function filesFor(location: CheckpointLocation): Files {
  if (location.kind === "path") return nodeFiles;
  const { path, content } = location;
  return {
    list: async () => [],
    stat: async (asked) =>
      asked === path ? { kind: "file", size: content.byteLength, modifiedMs: 0 } : undefined,
    open: async () => new MemoryByteSource(content),
    realPath: async (asked) => asked,
  };
}
