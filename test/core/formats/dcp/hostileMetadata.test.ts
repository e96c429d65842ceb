import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../../../src/core/checkpoint/openCheckpoint";
import { unreadablePart } from "../../../../src/core/tensors/assembly";
import { hostilePickles, wholePickle } from "../../../fuzz/hostilePickles";
import { dcpMetadata, type MetadataText } from "../../../support/made/dcpMetadata";
import { zipFile } from "../../../support/made/zipFile";
import { MemoryFiles } from "../../../support/memoryFiles";
import { latin1 } from "../pickle/latin1";

async function opened(text: MetadataText, bytes = 1000) {
  const files = new MemoryFiles({
    "/m/.metadata": dcpMetadata(text),
    "/m/__0_0.distcp": new Uint8Array(bytes),
    "/secret.distcp": new Uint8Array(bytes),
  });
  const checkpoint = await openCheckpoint(files, "/m");
  const [tensor] = checkpoint.tensors;
  return {
    files,
    tensors: checkpoint.tensors,
    reason: tensor === undefined ? undefined : unreadablePart(tensor),
    codes: checkpoint.problems.map(({ code }) => code),
  };
}

const box = (offsets: number[], sizes: number[], more = {}) => ({ offsets, sizes, length: 10, ...more });

describe(".metadata of a stranger", () => {
  test.each(["../secret.distcp", "/secret.distcp", "a/b.distcp", "..", "C:\\x", "a\\b"])(
    "places values in %j: nothing outside of the folder is opened",
    async (file) => {
      const { files, reason, codes } = await opened({
        tensors: [{ name: "w", shape: [2, 2], chunks: [box([0, 0], [2, 2], { file })] }],
      });
      expect(codes).toContain("PathOutside");
      expect(reason).toContain("is no file of this folder");
      expect(files.opened).toEqual(["/m/.metadata"]);
    },
  );

  test("places values beyond the end of a file", async () => {
    const { codes, reason } = await opened({
      tensors: [{ name: "w", shape: [2], chunks: [box([0], [2], { offset: 995 })] }],
    });
    expect(codes).toContain("CutShard");
    expect(reason).toBe("rows 0 to 1: __0_0.distcp is cut at byte 1,000, they end at 1,005.");
  });

  test("lists boxes that overlap, leave gaps or lie outside", async () => {
    const overlapping = await opened({
      tensors: [{ name: "w", shape: [4, 2], chunks: [box([0, 0], [2, 2]), box([1, 0], [2, 2])] }],
    });
    expect(overlapping.reason).toBe("its pieces at rows 0 to 1 and rows 1 to 2 overlap.");
    const gaps = await opened({
      tensors: [{ name: "w", shape: [4, 2], chunks: [box([0, 0], [2, 2])] }],
    });
    expect(gaps.reason).toBe("4 elements that no piece holds.");
    const outside = await opened({
      tensors: [{ name: "w", shape: [4, 2], chunks: [box([3, 0], [2, 2])] }],
    });
    expect(outside.reason).toBe("a piece at rows 3 to 4 lies outside of its shape.");
    for (const { codes } of [overlapping, gaps, outside]) expect(codes).toEqual(["PartlyReadable"]);
  });

  test("claims shapes that no memory holds", async () => {
    const { tensors, reason } = await opened({
      tensors: [{ name: "w", shape: [2 ** 30, 2 ** 30], chunks: [] }],
    });
    expect(tensors[0]?.byteSize).toBe(0);
    expect(reason).toBe("the size of its values is not known (float32).");
  });

  test("names a dtype that is not known", async () => {
    const { reason } = await opened({
      tensors: [{ name: "w", shape: [2], dtype: "float1", chunks: [box([0], [2])] }],
    });
    expect(reason).toBe("the size of its values is not known (float1).");
  });

  test("is no directory at all", async () => {
    const files = new MemoryFiles({
      "/m/.metadata": new Uint8Array([0x80, 2, 0x4e, 0x2e]),
      "/m/__0_0.distcp": "x",
    });
    await expect(openCheckpoint(files, "/m")).rejects.toThrow("it lists no state dict");
    files.write("/m/.metadata", new Uint8Array([0x80, 2, 0x7d]));
    await expect(openCheckpoint(files, "/m")).rejects.toThrow("The pickle is cut");
  });

  test("lists thousands of chunks over 64 files: it alone is read", async () => {
    const tensors = Array.from({ length: 30 }, (_, at) => ({
      name: `layers.${at}.weight`,
      shape: [1000, 64],
      chunks: Array.from({ length: 100 }, (_, chunk) => ({
        offsets: [chunk * 10, 0],
        sizes: [10, 64],
        file: `__${chunk % 64}_0.distcp`,
        offset: at * 4000,
        length: 3000,
      })),
    }));
    const files = new MemoryFiles({ "/m/.metadata": dcpMetadata({ tensors }) });
    for (let rank = 0; rank < 64; rank++) files.write(`/m/__${rank}_0.distcp`, { bulk: 2_000_000 });
    const { tensors: found, problems } = await openCheckpoint(files, "/m");
    expect(problems).toEqual([]);
    expect(found).toHaveLength(30);
    expect(files.opened).toEqual(["/m/.metadata"]);
    expect(files.counts.stat).toBeLessThanOrEqual(64 + 4);
  });

  test("is missing: what the items import is told all the same", async () => {
    const item = (pickle: Uint8Array) =>
      zipFile([
        { name: "archive/data.pkl", data: pickle },
        { name: "archive/version", data: latin1("3\n") },
      ]);
    const [bad] = hostilePickles;
    if (bad === undefined) throw new Error("There is none.");
    const honest = item(latin1("\x80\x02}."));
    const bytes = Buffer.concat([item(wholePickle(bad)), honest, honest]);
    const { problems } = await openCheckpoint(new MemoryFiles({ "/m/__0_0.distcp": bytes }), "/m");
    const codes = problems.map(({ code }) => code);
    expect(codes).toEqual(expect.arrayContaining(["MissingMetadata", "DangerousImport"]));
  });
});
