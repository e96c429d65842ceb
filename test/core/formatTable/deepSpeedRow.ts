import { expect } from "vitest";
import { allExpected, expectedFolders, joinedFixture, readTensors } from "../../support/made/joinedFolders";
import { tarFile } from "../../support/made/tarFile";
import { MemoryFiles } from "../../support/memoryFiles";
import type { FormatRow } from "./formatRow";
import { fixture, fixtureBytes, open, readsByRange } from "./proof";

async function holdsFolder(name: string): Promise<void> {
  const expected = expectedFolders[name];
  if (expected === undefined) throw new Error(`no ${name}`);
  const { checkpoint, hashes } = await readTensors(joinedFixture(name), `/run/${name}`);
  expect(checkpoint.format).toBe(expected.kind);
  for (const tensor of allExpected(expected))
    expect(hashes.get(tensor.name), tensor.name).toBe(tensor.sha256);
  expect(checkpoint.problems.filter(({ severity }) => severity !== "info")).toEqual([]);
}

const holdsFolders = async (...names: readonly string[]) => {
  for (const name of names) await holdsFolder(name);
};

/** One rank's file as the weights of an archive. */
async function nemoIsRead(): Promise<void> {
  const layer = "pipeline/global_step12/layer_01-model_00-model_states.pt";
  const content = fixtureBytes(`deepspeed/${layer}`);
  const archive = tarFile([
    { name: "./model_config.yaml", content: new TextEncoder().encode("target: a.Model\n") },
    { name: "./model_weights.ckpt", content },
  ]);
  const { checkpoint, hashes } = await readTensors(new MemoryFiles({ "/f/m.nemo": archive }), "/f/m.nemo");
  expect(checkpoint.format).toBe("nemo");
  const wanted = expectedFolders.pipeline?.tensors.find(({ name }) => name === "1.input.weight")?.sha256;
  expect(hashes.get("input.weight")).toBe(wanted);
}

async function megatronOfTorchDist(): Promise<void> {
  const files = fixture("dcp/titan");
  files.write("/f/metadata.json", '{"sharded_backend": "torch_dist"}');
  files.write("/f/common.pt", fixtureBytes("torch/protocol3.pt"));
  const { checkpoint, hashes } = await readTensors(files, "/f");
  expect(checkpoint.layout?.label).toContain("torch_dist");
  expect(hashes.get("tok_embeddings.weight")).toBeDefined();
  expect([...hashes.values()]).not.toContain(undefined);
}

/** A rank of tensor parallelism beside another, of which no name and no rule says how they belong together. */
async function splitsStayPerRank(): Promise<void> {
  const name = "zero1_tensor2";
  const files = joinedFixture(name);
  const [step] = (await files.list(`/run/${name}`)).filter(({ kind }) => kind === "directory");
  const folder = `/run/${name}/${step?.name}`;
  // The same weights under the names of a model that nobody knows the splits of, and without the rules.
  for (const rank of [0, 1]) {
    const path = `${folder}/mp_rank_0${rank}_model_states.pt`;
    const source = await files.open(path);
    const bytes = new Uint8Array(await source.read(0, source.size));
    files.write(path, renamed(bytes, "universal_checkpoint_info", "universal_checkpoint_none"));
  }
  const { checkpoint } = await open(files, `/run/${name}`);
  const apart = checkpoint.problems.find(({ code }) => code === "ModelParts");
  expect(apart?.message).toContain("Each part's own is shown.");
  const names = checkpoint.tensors.map((tensor) => tensor.name);
  expect(names).toEqual(expect.arrayContaining(["mp_rank_00.embed.weight", "mp_rank_01.embed.weight"]));
}

/** Another name of the same length in a pickle; the archive's checksum is not asked for. */
function renamed(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const text = Buffer.from(bytes);
  for (let at = text.indexOf(from); at >= 0; at = text.indexOf(from, at + 1)) text.write(to, at, "latin1");
  return new Uint8Array(text);
}

export const deepSpeedRow: FormatRow = {
  alike: [
    [() => joinedFixture("zero3"), "/run/zero3"],
    [() => joinedFixture("universal"), "/run/universal"],
    [() => joinedFixture("megatron_tp2_pp2"), "/run/megatron_tp2_pp2"],
  ],
  proofs: {
    format: {
      "DeepSpeed ZeRO 1 to 3": () =>
        holdsFolders("zero1_bf16", "zero1_frozen", "zero2_moe", "zero2_muon", "zero3"),
      "pipeline and universal checkpoints": () => holdsFolders("pipeline", "universal"),
      "Megatron-LM": () => holdsFolders("megatron_tp2_pp2", "megatron_buffers"),
      old: () => holdsFolders("megatron_tp2_pp2"),
      distributed: megatronOfTorchDist,
      NeMo: nemoIsRead,
    },
    read: { "by range": () => readsByRange(joinedFixture("zero3"), "/run/zero3", 4096) },
    joined: {
      ranks: () => holdsFolders("zero3"),
      "F32 masters and moments": () => holdsFolders("zero1_bf16"),
      "tensor parallelism as `universal_checkpoint_info` or Megatron-LM's names tell": () =>
        holdsFolders("zero1_tensor2", "megatron_tp2_pp2"),
    },
    not: { "other splits": splitsStayPerRank, "which stay per rank and say so": splitsStayPerRank },
  },
};
