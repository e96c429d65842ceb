import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { rankMap, ranksOf } from "../../../src/core/checkpoint/rankMap";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { joinedFixture } from "../../support/made/joinedFolders";
import { projectRoot } from "../../support/projectRoot";
import { folderInMemory } from "../resume/resumeFiles";

const rank1 = "bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt";

async function openedWithoutRank1() {
  const files = joinedFixture("zero3");
  files.remove(`/run/zero3/global_step30/${rank1}`);
  return CheckpointSession.open(files, "/run/zero3", () => undefined);
}

describe("the summary of a folder that several processes saved", () => {
  test("names it, its layout, and how the bytes are shared", async () => {
    const session = await CheckpointSession.open(joinedFixture("zero3"), "/run/zero3", () => undefined);
    const { distributed } = session.summary();
    expect(distributed).toMatchObject({
      title: "DeepSpeed 0.17.2 ZeRO-3, 3 ranks, step 30",
      worldSize: 3,
      parallel: [{ name: "data parallel", size: 3 }],
      mostPieces: 3,
      partlyReadable: 0,
      unreadable: 0,
    });
    // Two moments of each of six parameters, of four bytes a value like the masters.
    const [weights, masters, moments] = distributed?.states ?? [];
    expect(weights).toMatchObject({ state: "weights", tensors: 3 });
    expect(masters).toEqual({ state: "32-bit master weights", tensors: 6, bytes: 816 });
    expect(moments).toEqual({ state: "moments", tensors: 12, bytes: 1632 });
    expect(distributed?.load?.snippet).toContain("get_fp32_state_dict_from_zero_checkpoint");
  });

  test("shows whose file is missing, and offers no script that would refuse it", async () => {
    const { distributed, parts } = (await openedWithoutRank1()).summary();
    expect(parts.map(({ label, lost }) => [label, lost])).toEqual([
      ["optimizer state", 1],
      ["model weights", undefined],
      ["scheduler state", undefined],
      ["training progress and log", undefined],
    ]);
    expect(distributed?.ranks?.kinds).toEqual(["model states", "optimizer states"]);
    expect(distributed?.ranks?.rows.map(({ rank, cells }) => [rank, cells[1]?.status])).toEqual([
      ["rank 0", "ok"],
      ["rank 1", "missing"],
      ["rank 2", "ok"],
    ]);
    expect(distributed?.partlyReadable).toBeGreaterThan(0);
    expect(distributed?.load).toEqual({ sentence: expect.stringContaining("refuses it") });
  });

  test("a tensor tells its pieces, with rank and file, and why one is not there", async () => {
    const session = await openedWithoutRank1();
    const tensor = session.checkpoint.tensors.find(({ name }) => name === "model.embed.weight");
    // 66 values over three ranks: 22 each, which begin within a row of 6.
    const page = tensor && session.piecePage(tensor, 0);
    expect(page?.total).toBe(3);
    expect(page?.rows.map(({ place, elements, rank }) => [place, elements, rank])).toEqual([
      ["elements 0 to 21 (of rows 0 to 3)", 22, "rank 0"],
      ["elements 22 to 43 (of rows 3 to 7)", 22, "rank 1"],
      ["elements 44 to 65 (of rows 7 to 10)", 22, "rank 2"],
    ]);
    expect(page?.rows[1]?.absent).toBe("the file of rank 1 is missing");
    expect(page?.unreadable).toContain("elements 22 to 43");
    expect(tensor && session.piecePage(tensor, 2)?.rows).toHaveLength(1);
    const frozen = session.checkpoint.tensors.find(({ assembly }) => assembly === undefined);
    expect(frozen && session.piecePage(frozen, 0)).toBeUndefined();
  });
});

test("no script is offered for a folder of which a file is missing", async () => {
  const files = folderInMemory(join(projectRoot, "test/fixtures/dcp/titan"), "/titan");
  const whole = await CheckpointSession.open(files, "/titan", () => undefined);
  expect(whole.summary().distributed?.load?.snippet).toContain("dcp_to_torch_save");
  files.remove("/titan/__4_0.distcp");
  const { distributed } = (await CheckpointSession.open(files, "/titan", () => undefined)).summary();
  expect(distributed?.load).toEqual({ sentence: expect.stringContaining("refuse") });
});

describe("a map of ranks", () => {
  const file = (name: string, rank: string | undefined, status: "ok" | "missing" | "broken" = "ok") => ({
    name,
    path: `/x/${name}`,
    bytes: 10,
    status,
    ...(rank === undefined ? {} : { rank }),
  });

  test("orders ranks as numbers, those of all first, and keeps a place for a rank without a file", () => {
    const map = rankMap(
      [
        file("__10_0.distcp", "rank 10"),
        file("__9_0.distcp", "rank 9"),
        file("__9_1.distcp", "rank 9", "broken"),
        file("common.pt", undefined),
      ],
      12,
    );
    expect(map?.kinds).toEqual(["__*_*.distcp", "common.pt"]);
    expect(map?.rows.map(({ rank }) => rank)).toEqual([
      "all ranks",
      ...Array.from({ length: 12 }, (_, rank) => `rank ${rank}`),
    ]);
    // The worst of a rank's files is what shows.
    expect(map?.rows.find(({ rank }) => rank === "rank 9")?.cells[0]).toEqual({
      status: "broken",
      name: "__9_1.distcp",
      files: 2,
      bytes: 20,
    });
    expect(map?.rows.find(({ rank }) => rank === "rank 3")?.cells).toEqual([undefined, undefined]);
    // No rank lacks what all share, and what all share is no file of a rank.
    const shown = [0, 1].map((kind) => map && ranksOf(map, kind).map(({ rank }) => rank));
    expect(shown).toEqual([Array.from({ length: 12 }, (_, rank) => `rank ${rank}`), ["all ranks"]]);
  });

  test("is none where files do not tell their ranks, and bounded where they tell too many", () => {
    expect(rankMap([file("model-00001-of-00002.safetensors", undefined)])).toBeUndefined();
    const many = Array.from({ length: 5000 }, (_, rank) => file(`a${rank}.pt`, `rank ${rank}`));
    expect(rankMap(many, 2 ** 40)?.rows).toHaveLength(4096);
  });
});
