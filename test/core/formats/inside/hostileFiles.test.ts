import { describe, expect, it } from "vitest";
import { hidingPlaces } from "../../../fuzz/hidingPlaces";
import { hostilePickles, wholePickle } from "../../../fuzz/hostilePickles";
import { zipFile } from "../../../support/made/zipFile";
import { latin1 } from "../pickle/latin1";
import { read } from "../torch/torchFixtures";

/** What a file is told to be: the worst verdict on its imports. */
async function verdict(bytes: Uint8Array, fileName: string): Promise<string> {
  const { problems } = await read(bytes, fileName);
  const codes = new Set(problems.map(({ code }) => code));
  return codes.has("DangerousImport") ? "dangerous" : codes.has("UnknownCalls") ? "called" : "nothing";
}

/** Names that no list holds: that code of them would run is said, but not that it is bad. */
const onlyCalled: ReadonlySet<string> = new Set([
  "a storage's class that is called",
  "torch's own caller",
  "a name in letters that only look alike",
  "a called class that is not known",
  "OBJ of a class that is not known",
]);

describe("a pickle that would run code", () => {
  it.each(hostilePickles)("by $way is told", async (pickle) => {
    const expected = onlyCalled.has(pickle.way) ? "called" : "dangerous";
    expect(await verdict(wholePickle(pickle), "a.pkl")).toBe(expected);
  });

  it.each(hidingPlaces)("is told in $place, whichever way it goes", async ({ fileName, hide }) => {
    const missed: string[] = [];
    // Some of each kind; `npm run fuzz` goes through all.
    for (const pickle of hostilePickles.filter((_, at) => at % 5 === 0 || at < 12)) {
      const expected = onlyCalled.has(pickle.way) ? "called" : "dangerous";
      if ((await verdict(hide(wholePickle(pickle)), fileName)) !== expected) missed.push(pickle.way);
    }
    expect(missed).toEqual([]);
  });
});

it("says what a program in TorchScript reaches, and whose operators it needs", async () => {
  const told = async (code: string) => {
    const members = { "data.pkl": "\x80\x02}.", "constants.pkl": "\x80\x02).", "code/__torch__.py": code };
    const file = zipFile(
      Object.entries(members).map(([name, data]) => ({
        name: `m/${name}`,
        data: latin1(data),
        deflated: true,
      })),
    );
    return (await read(file, "m.pt")).problems.map(
      ({ severity, code: is, message }) => `${severity} ${is} ${message}`,
    );
  };
  const reaching = await told('_0 = torch.save(x, "/tmp/x")\n_1 = ops.image.read_file(p)\n');
  expect(reaching).toContainEqual(
    expect.stringMatching(/^warning ProgramReachesOut.*torch\.save, ops\.image\.read_file/),
  );
  const honest = await told("_0 = torch.add(x, y)\n_1 = ops.quantized.linear(x)\n_2 = ops.evil.run(x)\n");
  expect(honest).toEqual([expect.stringMatching(/^info ProgramInside.*a library must bring: evil\.$/)]);
});

it("says of an array that joblib wrote why its pickle breaks there, and still finds what follows", async () => {
  const word = (text: string) => `\x8c${String.fromCharCode(text.length)}${text}`;
  const wrapper = `${word("joblib.numpy_pickle")}${word("NumpyArrayWrapper")}\x93)\x81}(${word("order")}${word("C")}ub`;
  const numbers = `\x07${"\xff".repeat(7)}${"\0".repeat(32)}`;
  const file = latin1(`\x80\x04}${word("a")}${wrapper}${numbers}scos\nsystem\n(X\x01\0\0\0xtR0.`);
  const { problems } = await read(file, "a.joblib");
  expect(problems.map(({ code }) => code)).toEqual(
    expect.arrayContaining(["JoblibArrays", "DangerousImport"]),
  );
});

it("names a checkpoint of MindSpore, and takes no other bytes for one", async () => {
  const begin = "\x0a\x2e\x0a\x0bconv.weight\x12\x1f\x08\x02\x12\x07Float32\x1a\x10";
  await expect(read(latin1(`${begin}${"\0".repeat(16)}`), "lenet.ckpt")).rejects.toThrow(/MindSpore/);
  await expect(read(latin1(`\x0a\x2e\x0b${begin.slice(3)}`), "lenet.ckpt")).rejects.not.toThrow(/MindSpore/);
});
