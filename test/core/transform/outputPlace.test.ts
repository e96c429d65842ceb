import { describe, expect, it } from "vitest";
import { detectStage } from "../../../src/core/stage/stage";
import { extractionPlace, reductionPlace } from "../../../src/core/transform/outputPlace";

describe("reductionPlace", () => {
  it.each([
    ["/run/01-svd", [4, 4], "/run", "02-rank-reduction-r4"],
    ["/run/1_svd", [4], "/run", "2_rank-reduction-r4"],
    ["/run/09-sft", [2, 8], "/run", "10-rank-reduction-r2-8"],
    ["/run/03-fine-tuning/checkpoint-240", [4], "/run", "04-rank-reduction-r4"],
    ["/run/out/checkpoint-240", [4], "/run/out", "checkpoint-240-rank-reduction-r4"],
    ["/run/my-lora", [4], "/run", "my-lora-rank-reduction-r4"],
    ["/run/my-lora-rank-reduction-r8", [4], "/run", "my-lora-rank-reduction-r4"],
    ["/run/my-lora.safetensors", [4], "/run", "my-lora-rank-reduction-r4"],
    ["C:\\run\\01-svd", [4], "C:\\run", "02-rank-reduction-r4"],
  ] as const)("%s at ranks %j", (identity, ranks, folder, name) => {
    expect(reductionPlace(identity, "peft", ranks)).toEqual({ folder, name });
  });

  it("names a file for dialects that are one", () => {
    const place = reductionPlace("/loras/01-style.safetensors", "kohya", [4]);
    expect(place).toEqual({ folder: "/loras", name: "01-style-rank-reduction-r4.safetensors" });
  });

  it("gives a name that tells the stage", () => {
    const { name } = reductionPlace("/run/01-svd", "peft", [4]);
    expect(detectStage({ folderNames: [name] })?.stage).toBe("rank-reduction");
    expect(detectStage({ folderNames: [extractionPlace("/run/tuned", "r16").name] })?.stage).toBe("svd");
  });
});
