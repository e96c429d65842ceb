import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { MemoryByteSource } from "../../../../src/core/bytes/byteSource";
import { readCheckpointFile } from "../../../../src/core/formats/readFile";
import { CheckpointError } from "../../../../src/core/problem/checkpointError";
import {
  bitsOf,
  byteSizeOf,
  type FileSpec,
  fileHead,
  safetensorsFile,
} from "../../../support/made/safetensorsFile";
import { readBytes } from "./readFile";

// Ends what hangs; the tests take less than a second each on a quiet machine.
vi.setConfig({ testTimeout: 60_000 });

const name = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: "grapheme", maxLength: 12 }),
  fc.constantFrom("__proto__", "constructor", "1", "10", "", "a.b", "model.layers.0.weight"),
);

const tensor = fc
  .record({
    name,
    dtype: fc.constantFrom(...Object.keys(bitsOf)),
    shape: fc.array(fc.nat({ max: 4 }), { maxLength: 4 }),
  })
  // Sub-byte types must fill whole bytes.
  .map((spec) => ({ ...spec, shape: bitsOf[spec.dtype] === 8 ? spec.shape : [...spec.shape, 4] }));

const file: fc.Arbitrary<FileSpec> = fc.record({
  tensors: fc
    .uniqueArray(tensor, { selector: (each) => each.name, maxLength: 12 })
    .map((tensors) => tensors.filter((each) => each.name !== "__metadata__")),
  metadata: fc.constantFrom<FileSpec["metadata"]>(undefined, null, {}, { format: "pt" }, { a: "", é: "模" }),
  align: fc.constantFrom(1, 8),
});

describe("any valid file", () => {
  it("is read as it was written", async () => {
    await fc.assert(
      fc.asyncProperty(file, async (spec) => {
        const { tensors, metadata, problems, format } = await readBytes(safetensorsFile(spec));
        let offset = fileHead(spec).length;
        const expected = (spec.tensors ?? []).map((each) => {
          const byteSize = byteSizeOf(each);
          const placed = { ...each, byteSize, offset, fileIndex: 0 };
          offset += byteSize;
          return placed;
        });
        // Empty tensors share their place with the next one, so that their order among these is open.
        const byPlace = (a: { offset: number; name: string }, b: { offset: number; name: string }) =>
          a.offset - b.offset || (a.name < b.name ? -1 : 1);
        expect([...tensors].sort(byPlace)).toEqual(expected.sort(byPlace));
        expect(Object.fromEntries(metadata)).toEqual(spec.metadata ?? {});
        expect(problems).toEqual([]);
        expect(format).toBe("safetensors");
      }),
    );
  });

  it("is read the same however its JSON is laid out", async () => {
    const python = (text: string) => text.replaceAll(/(?<=["\]}\d]),|:(?=["[{])/g, (mark) => `${mark} `);
    await fc.assert(
      fc.asyncProperty(file, async ({ tensors = [] }) => {
        let begin = 0;
        const layouts = ["", "", ""];
        for (const each of tensors) {
          const { dtype, shape } = each;
          const end = begin + byteSizeOf(each);
          const [key, type, sizes] = [each.name, dtype, shape].map((part) => JSON.stringify(part));
          const offsets = `[${begin},${end}]`;
          const usual = `{"dtype":${type},"shape":${sizes},"data_offsets":${offsets}}`;
          const entries = [
            usual,
            python(usual),
            `\n{ "data_offsets" :${offsets.replace(",", "\t,")},"more":{"a":[null]}, "shape":${sizes},"dtype" :${type}\r}`,
          ];
          for (const [index, entry] of entries.entries()) layouts[index] += `,${key}:${entry}`;
          begin = end;
        }
        const results = await Promise.all(
          layouts.map(async (text) => {
            const header = `{${text.slice(1)}}`.padEnd(5000);
            const result = await readBytes(safetensorsFile({ header, data: new Uint8Array(begin) }));
            expect(result.problems).toEqual([]);
            return result.tensors;
          }),
        );
        expect(results[0]).toHaveLength(tensors.length);
        expect(results[1]).toEqual(results[0]);
        expect(results[2]).toEqual(results[0]);
      }),
    );
  });

  it("that is cut anywhere gives a reason", async () => {
    await fc.assert(
      fc.asyncProperty(
        file,
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        async (spec, share) => {
          const whole = safetensorsFile(spec);
          const bytes = whole.subarray(0, Math.floor(whole.length * share));
          const problems = await readBytes(bytes).then(
            (result) => result.problems.map(({ code }) => code),
            (error) => [error instanceof CheckpointError ? error.code : `${error}`],
          );
          expect(["HeaderTooSmall", "InvalidHeaderLength", "MetadataIncompleteBuffer"]).toContain(
            problems[0],
          );
        },
      ),
    );
  });
});

describe("any damaged file", () => {
  const mutation = fc.record({
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    byte: fc.oneof(
      fc.nat({ max: 255 }),
      fc.constantFrom(...'{}[]",:0-9.e\\'.split("").map((c) => c.charCodeAt(0))),
    ),
    kind: fc.constantFrom("set", "insert", "delete"),
  });

  it("is read, or refused with a CheckpointError, and every tensor that is shown is sound", async () => {
    await fc.assert(
      fc.asyncProperty(file, fc.array(mutation, { minLength: 1, maxLength: 4 }), async (spec, mutations) => {
        const bytes = [...safetensorsFile(spec)];
        for (const { at, byte, kind } of mutations) {
          const index = Math.floor(at * bytes.length);
          bytes.splice(index, kind === "insert" ? 0 : 1, ...(kind === "delete" ? [] : [byte]));
        }
        const source = new MemoryByteSource(Uint8Array.from(bytes));
        try {
          const { tensors, problems } = await readCheckpointFile(source, "m.safetensors", "/m.safetensors");
          for (const { shape, byteSize, offset, name: tensorName } of tensors) {
            expect(byteSize >= 0 && shape.every((size) => size >= 0)).toBe(true);
            const inside = offset >= 8 && offset + byteSize <= source.size;
            const reported = problems.some(({ code }) => code === "MetadataIncompleteBuffer");
            expect(inside || reported, `${tensorName} lies outside and nothing says so`).toBe(true);
          }
          for (const { offset } of problems) expect(offset === undefined || offset >= 0).toBe(true);
        } catch (error) {
          if (!(error instanceof CheckpointError)) throw error;
          expect(error.file).toBe("/m.safetensors");
          expect(error.offset).toBeLessThanOrEqual(source.size);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
