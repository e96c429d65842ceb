import type { RunHostCalls, RunPageCalls, RunState } from "../../../src/protocol/runSurface";
import { fakeChannel, type StartHost } from "./fakeChannel";
import { hostileName, trainingSamples } from "./trainingSamples";

export interface RunHostOptions {
  /** A name in trainingSamples, or "failed", which is mended by reading again. */
  readonly sample?: string;
}

/** The extension as the page of a run's chart sees it. */
export const startRunHost: StartHost = (send, options) => {
  const { sample = "run" } = (options ?? {}) as RunHostOptions;
  let generation = 1;
  const { channel, receive } = fakeChannel<RunHostCalls, RunPageCalls>(send, {
    ready: () => stateOf(sample, generation),
    open: () => {},
    copy: () => {},
    reload: () => {
      channel.notify("changed", stateOf(sample === "failed" ? "run" : sample, ++generation));
    },
  });
  return receive;
};

function stateOf(name: string, generation: number): RunState {
  if (name === "failed") {
    return {
      status: "failed",
      name: "llama-lora",
      path: "/runs/llama-lora",
      problem: {
        severity: "error",
        code: "RunGone",
        message: "The folder of this run no longer exists.",
        file: "/runs/llama-lora",
      },
    };
  }
  const training = trainingSamples[name]?.();
  if (training === undefined) throw new Error(`No sample "${name}"`);
  const runName = name === "hostile" ? hostileName : "llama-lora";
  return { status: "ready", generation, name: runName, path: `/home/me/experiments/${runName}`, training };
}
