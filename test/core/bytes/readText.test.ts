import { describe, expect, it } from "vitest";
import { MemoryByteSource } from "../../../src/core/bytes/byteSource";
import { readText } from "../../../src/core/bytes/readText";
import { CountingFiles } from "../../support/countingSource";

function filesWith(bytes: Uint8Array): CountingFiles {
  return new CountingFiles("/run", new Map([["a.json", new MemoryByteSource(bytes)]]));
}

describe("readText", () => {
  it("reads a file in one read, drops the byte order mark and closes", async () => {
    const files = filesWith(Uint8Array.of(0xef, 0xbb, 0xbf, 0xc3, 0xa9));
    expect(await readText(files, "/run/a.json", 5)).toBe("é");
    expect(files.totals).toEqual({ opens: 1, reads: 1, bytes: 5 });
    expect(files.openNow).toBe(0);
  });

  it("replaces damaged characters instead of failing", async () => {
    expect(await readText(filesWith(Uint8Array.of(0x61, 0xff, 0x62)), "/run/a.json", 10)).toBe("a\ufffdb");
  });

  it("refuses a file beyond the limit without reading it, and closes", async () => {
    const files = filesWith(new Uint8Array(11));
    await expect(readText(files, "/run/a.json", 10)).rejects.toMatchObject({
      code: "FileTooLarge",
      file: "/run/a.json",
      message: expect.stringContaining("11 bytes"),
    });
    expect(files.totals.reads).toBe(0);
    expect(files.openNow).toBe(0);
  });

  it("closes when it is cancelled", async () => {
    const controller = new AbortController();
    controller.abort();
    const files = filesWith(new Uint8Array(3));
    await expect(readText(files, "/run/a.json", 10, controller.signal)).rejects.toMatchObject({
      name: "AbortError",
    });
    expect(files.openNow).toBe(0);
  });
});
