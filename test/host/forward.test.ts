import { describe, expect, it } from "vitest";
import { forward } from "../../src/host/analysis/forward";
import { quietCall } from "../support/quietCall";

const [signal] = quietCall;

function recorded() {
  const calls: unknown[][] = [];
  const call = async (...given: unknown[]) => {
    calls.push(given);
    return undefined;
  };
  return { worker: { call: call as never }, calls };
}

describe("forward", () => {
  it("gives the extension's handle, whatever the page sends", async () => {
    const { worker, calls } = recorded();
    const tensorChunk = forward(worker, "tensorChunk", async () => ({ handle: 7 }));
    await tensorChunk({ first: 3, handle: 99 } as never, ...quietCall);
    expect(calls).toEqual([["tensorChunk", { first: 3, handle: 7 }, signal, expect.anything()]]);
  });

  it("takes a call without parameters, and refuses what is no object", async () => {
    const { worker, calls } = recorded();
    const optimizers = forward(worker, "optimizers", () => ({ handle: 7 }));
    await optimizers(null, ...quietCall);
    expect(calls[0]?.[1]).toEqual({ handle: 7 });
    for (const odd of ["text", 3, [1], undefined])
      await expect(optimizers(odd as never, ...quietCall)).rejects.toThrow(TypeError);
  });

  it("hands progress and chunks back to the page", async () => {
    const heard: unknown[] = [];
    const call = async (_method: string, _params: unknown, _signal: unknown, listeners: never) => {
      const { onProgress, onChunk } = listeners as Record<string, (said: unknown) => void>;
      onProgress?.({ done: 1, total: 2, label: "x" });
      onChunk?.("part" as never);
    };
    const lora = forward({ call: call as never }, "lora", () => ({ handle: 1, threads: 1 }));
    await lora(null, signal, {
      progress: (...said) => void heard.push(said),
      chunk: (chunk) => void heard.push(chunk),
    });
    expect(heard).toEqual([[1, 2, "x"], "part"]);
  });
});
