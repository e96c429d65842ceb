import { expect } from "vitest";
import { dcpMetadata } from "../../support/made/dcpMetadata";
import { MemoryFiles } from "../../support/memoryFiles";
import type { FormatRow } from "./formatRow";
import { fixture, fixtureJson, holds, open, readsByRange, tells, type WantedTensor } from "./proof";

type Written = Readonly<Record<string, Readonly<Record<string, WantedTensor>>>>;
const written = fixtureJson<Written>("dcp/expected.json");

const holdsAll = async (...names: readonly string[]) => {
  for (const name of names) {
    const tensors = Object.entries(written[name] ?? {});
    const plain = tensors.map(([key, { dtype, shape, sha256 }]) => [key, { dtype, shape, sha256 }]);
    // That nobody can tell the names within flat parameters is said.
    const told = name === "flat" ? ["FlatParameters"] : [];
    await holds(fixture(`dcp/${name}`), "/f", Object.fromEntries(plain), told);
  }
};

async function optimizerHasNames(): Promise<void> {
  const session = await open(fixture("dcp/titan"), "/f");
  const [optimizer] = session.inside?.optimizers ?? [];
  expect(optimizer?.parameters.map(({ name }) => name)).toContain("layers.0.wq.weight");
}

/** Where a chunk lies is told in another way than torch's own writer of files does. */
function otherStorage(): MemoryFiles {
  const chunk = { offsets: [0], sizes: [2], length: 8 };
  const own = Buffer.from(dcpMetadata({ tensors: [{ name: "w", shape: [2], chunks: [chunk] }] }));
  const other = own.toString("latin1").replaceAll("relative_path", "object_number");
  return new MemoryFiles({
    "/f/.metadata": new Uint8Array(Buffer.from(other, "latin1")),
    "/f/__0_0.distcp": new Uint8Array(64),
  });
}

export const dcpRow: FormatRow = {
  alike: [
    [() => fixture("dcp/titan"), "/f"],
    [() => fixture("dcp/ranks"), "/f"],
    [() => fixture("dcp/pieces"), "/f"],
  ],
  proofs: {
    format: {
      "`torch.distributed.checkpoint` of torch 1.13 to 2.13": () => holdsAll("old", "titan", "zstd", "joint"),
      FSDP: () => holdsAll("checkpoint-7"),
      sharded: () => holdsAll("sharded"),
      "one file a rank": () => holdsAll("ranks"),
      DTensor: () => holdsAll("verl/actor"),
      "flat parameters": () => holdsAll("flat"),
      "DCP as safetensors": () => holdsAll("pieces"),
    },
    read: { "by range": () => readsByRange(fixture("dcp/titan"), "/f", 4096) },
    joined: {
      "pieces of all ranks": () => holdsAll("titan", "ranks"),
      "the optimizer by name": optimizerHasNames,
    },
    not: { "other storage backends": () => tells(otherStorage(), "/f", "PartlyReadable") },
  },
};
