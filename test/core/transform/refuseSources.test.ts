import { expect, it } from "vitest";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { refuseSources } from "../../../src/core/transform/refuseSources";
import { weights } from "../../support/healthOf";
import { MemoryFiles } from "../../support/memoryFiles";

const files = new MemoryFiles({ "/run/model.safetensors": weights({ "a.weight": [2, 2] }) });

it.each([
  ["/run/model.safetensors", "/run/other.safetensors", undefined],
  ["/run/model.safetensors", "/run/model.safetensors", "SourceInPlace"],
  ["/run", "/run/other.safetensors", "InsideSource"],
  ["/run", "/beside", undefined],
])("of %s a result may stand at %s: %s", async (source, path, code) => {
  const session = await CheckpointSession.open(files, source, () => undefined);
  const refused = await refuseSources(files, path, [session]).then(
    () => undefined,
    (error: { readonly code: string }) => error.code,
  );
  expect(refused).toBe(code);
});
