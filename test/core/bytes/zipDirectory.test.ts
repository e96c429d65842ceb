import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openZipEntry } from "../../../src/core/bytes/byteRegion";
import { MemoryByteSource } from "../../../src/core/bytes/byteSource";
import { readZipDirectory } from "../../../src/core/bytes/zipDirectory";
import { CheckpointError } from "../../../src/core/problem/checkpointError";
import { CountingSource } from "../../support/countingSource";
import { type ZipMember, type ZipOptions, zipFile } from "../../support/made/zipFile";

const bytes = (text: string) => new TextEncoder().encode(text);
const plain: ZipMember = { name: "a/data.pkl", data: bytes("hello") };

async function contents(zip: Uint8Array): Promise<Record<string, string>> {
  const source = new MemoryByteSource(zip);
  const { entries } = await readZipDirectory(source);
  const found: Record<string, string> = {};
  for (const entry of entries) {
    const member = await openZipEntry(source, entry);
    found[entry.name] = new TextDecoder().decode(await member.read(0, member.size));
  }
  return found;
}

describe("a zip archive", () => {
  const members: readonly (readonly [what: string, member: ZipMember, options?: ZipOptions])[] = [
    ["stored", plain],
    ["deflated", { ...plain, deflated: true }],
    ["with sizes behind the data", { ...plain, descriptor: true }],
    ["deflated with sizes behind the data", { ...plain, deflated: true, descriptor: true }],
    ["with padding that the directory does not know", { ...plain, padding: 57 }],
    ["with zip64 sizes", { ...plain, zip64: true }, { zip64: true }],
    ["with a wrong CRC", { ...plain, crc: 12345 }],
    ["with the flags of encryption", { ...plain, flags: 1 }],
    ["with another name in its header", { ...plain, localName: "b/other.pkl" }],
    ["behind other bytes", plain, { prefix: bytes("X".repeat(64)) }],
    ["behind other bytes, zip64", { ...plain, zip64: true }, { prefix: bytes("XYZ"), zip64: true }],
    ["with a comment", plain, { comment: bytes("PK\x05\x06 a comment that looks like an end") }],
    ["with a comment of 64 KB", plain, { comment: new Uint8Array(65_535) }],
    ["with an umlaut in its name", { ...plain, name: "ünïcode/data.pkl" }],
  ];

  it.each(members.map(([what, member, options = {}]) => ({ what, member, options })))(
    "with a member $what gives what was put in",
    async ({ member, options }) => {
      const others: ZipMember[] = [
        { name: "a/version", data: bytes("3\n") },
        member,
        { name: "a/empty", data: bytes("") },
      ];
      expect(await contents(zipFile(others, options))).toEqual({
        "a/version": "3\n",
        [member.name]: "hello",
        "a/empty": "",
      });
    },
  );

  it("inflates of a long member only what reads from its start on ask for", async () => {
    const data = Uint8Array.from(
      { length: 3_000_000 },
      (_, at) => Math.imul(at ^ (at >>> 7), 0x45d9f3b) >>> 16,
    );
    const source = new CountingSource(new MemoryByteSource(zipFile([{ name: "a", data, deflated: true }])));
    const { entries } = await readZipDirectory(source);
    const member = await openZipEntry(source, entries[0] as (typeof entries)[number]);
    const before = source.bytesRead;
    expect(await member.read(100, 1000)).toEqual(data.slice(100, 1100));
    expect(await member.read(1100, 1000)).toEqual(data.slice(1100, 2100));
    expect(source.bytesRead - before).toBeLessThan(source.size - 100_000);
    expect(await member.read(0, 10)).toEqual(data.slice(0, 10));
    expect(await member.read(2_999_000, 1000)).toEqual(data.slice(2_999_000));
  });

  it("of nothing is read", async () => {
    expect(await readZipDirectory(new MemoryByteSource(zipFile([])))).toMatchObject({
      entries: [],
      prefixBytes: 0,
      hidden: [],
      problems: [],
    });
  });

  it("with junk behind it is read, as torch reads it", async () => {
    expect(await contents(Buffer.concat([zipFile([plain]), new Uint8Array(100)]))).toEqual({
      "a/data.pkl": "hello",
    });
  });

  it("is read by its end and its directory, whatever its size", async () => {
    const many = Array.from({ length: 2000 }, (_, at) => ({
      name: `a/data/${at}`,
      data: new Uint8Array(1000),
    }));
    const source = new CountingSource(new MemoryByteSource(zipFile(many)));
    expect((await readZipDirectory(source)).entries).toHaveLength(2000);
    expect(source.reads.length).toBeLessThanOrEqual(2);
    expect(source.bytesRead).toBeLessThan(250_000);
  });

  const codes = async (zip: Uint8Array) =>
    (await readZipDirectory(new MemoryByteSource(zip))).problems.map(({ code }) => code);

  it("that lists less than it says is shown with a problem", async () => {
    expect(await codes(zipFile([plain], { claimedCount: 60_000 }))).toEqual(["DamagedZipDirectory"]);
  });

  it("that holds a name twice says so", async () => {
    expect(await codes(zipFile([plain, plain]))).toEqual(["DuplicateMember"]);
  });

  it("whose records name two directories has the members of both", async () => {
    const hidden = zipFile([{ ...plain, name: "a/hidden.pkl" }], { zip64: true });
    const shown = Buffer.from(zipFile([plain], { zip64: true }));
    const whole = Buffer.concat([hidden, shown]);
    const locator = whole.lastIndexOf("PK\x06\x07", whole.length, "latin1");
    // The locator of the second archive names the record of the first, by which miniz goes.
    const first = Buffer.from(hidden).lastIndexOf("PK\x06\x06", hidden.length, "latin1");
    whole.writeBigUInt64LE(BigInt(first), locator + 8);
    const directory = await readZipDirectory(new MemoryByteSource(whole));
    expect(directory.entries.map(({ name }) => name)).toEqual(["a/data.pkl"]);
    expect(directory.hidden.map(({ name }) => name)).toEqual(["a/hidden.pkl"]);
    expect(directory.problems.map(({ code }) => code)).toEqual(["TwoDirectories"]);
  });

  it("whose members overlap says so", async () => {
    const zip = zipFile([plain, { ...plain, name: "a/second.pkl" }]);
    const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength);
    const second = Buffer.from(zip).lastIndexOf("PK\x01\x02", zip.length, "latin1");
    view.setUint32(second + 42, 0, true);
    expect(await codes(zip)).toEqual(["OverlappingMembers"]);
  });

  it.each([
    ["nothing", new Uint8Array()],
    ["cut in the middle", zipFile([plain]).subarray(0, 40)],
    ["without its last bytes", zipFile([plain]).subarray(0, -10)],
    ["an end whose directory does not fit", zipFile([plain]).subarray(60)],
  ])("that is %s has no directory", async (_what, zip) => {
    await expect(readZipDirectory(new MemoryByteSource(zip))).rejects.toMatchObject({
      code: "NoZipDirectory",
    });
  });

  it("with a member compressed in another way says so", async () => {
    await expect(contents(zipFile([{ ...plain, method: 12 }]))).rejects.toMatchObject({
      code: "UnknownCompression",
    });
  });

  it("with damaged compressed data says so", async () => {
    const broken = { ...plain, data: bytes("\xff\xff\xff\xff garbage"), method: 8 };
    await expect(contents(zipFile([broken]))).rejects.toMatchObject({ code: "DamagedDeflate" });
  });

  it("that claims more than deflate can make allocates nothing", async () => {
    const bomb = { ...plain, deflated: true, claimedSize: 4_000_000_000 };
    await expect(contents(zipFile([bomb]))).rejects.toMatchObject({ code: "DamagedDeflate" });
    const short = { ...plain, deflated: true, claimedSize: 1000 };
    await expect(contents(zipFile([short]))).rejects.toMatchObject({ code: "DamagedDeflate" });
  });

  it("that was damaged anywhere fails with a CheckpointError or is read", async () => {
    const whole = zipFile([plain, { ...plain, name: "a/b", deflated: true, zip64: true }], { zip64: true });
    const change = fc.record({ at: fc.nat(whole.length - 1), value: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 4 }), fc.nat(whole.length), async (changes, length) => {
        const zip = whole.slice(0, changes.length === 0 ? length : whole.length);
        for (const { at, value } of changes) zip[at] = value;
        try {
          await contents(zip);
        } catch (error) {
          if (!(error instanceof CheckpointError)) throw error;
        }
      }),
      { numRuns: 400 },
    );
  });
});
