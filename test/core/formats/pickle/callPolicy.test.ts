import { describe, expect, it } from "vitest";
import { read } from "../torch/torchFixtures";
import { latin1, little } from "./latin1";

const method = "cbuiltins\ngetattr\n(cm\nC\nVrun\ntR";
const rebuild = "ctorch._tensor\n_rebuild_from_type_v2\n";

async function findings(pickle: string) {
  const { imports, problems } = await read(latin1(`\x80\x03${pickle}`), "file.pkl");
  const verdicts = Object.fromEntries((imports ?? []).map(({ global, verdict }) => [global, verdict]));
  return { verdicts, codes: problems.map(({ code }) => code) };
}

describe("what a pickle does with an import", () => {
  it.each([
    ["calls what getattr gave by OBJ", `(${method}S'ls'\no.`, "builtins.getattr"],
    ["hands what getattr gave to a class", `cm\nLambda\n(N${method}tR.`, "builtins.getattr"],
    ["hands it in a list", `cm\nLambda\n((l${method}atR.`, "builtins.getattr"],
    [
      "lets torch call what getattr gave",
      `${rebuild}(${method}ctorch\nTensor\n)}tR.`,
      "torch._tensor._rebuild_from_type_v2",
    ],
    ["calls what itemgetter gave", "coperator\nitemgetter\n(I1\ntR(N)tR.", "operator.itemgetter"],
    ["calls map", "cbuiltins\nmap\n(cm\nf\n(ltR.", "builtins.map"],
    ["changes a class", "ccollections\nOrderedDict\n(N}V__reduce__\nI1\nstb.", "collections.OrderedDict"],
    ["fills the dict of a module", "clinecache\ncache\nVa\nVb\ns.", "linecache.cache"],
    ["fills a list of a module", "cm\nlist\nVa\na.", "m.list"],
    ["calls until a value comes", "cbuiltins\niter\n(cm\nf\nNtR.", "builtins.iter"],
  ])("is dangerous where it %s", async (_what, pickle, global) => {
    expect((await findings(pickle)).verdicts).toMatchObject({ [global]: "dangerous" });
  });

  it.each([
    ["keeps an item getter", "coperator\nitemgetter\n(I1\ntR.", "operator.itemgetter", "known"],
    ["names property", "cbuiltins\nproperty\n.", "builtins.property", "unknown"],
    ["names sys.version_info", "csys\nversion_info\n.", "sys.version_info", "unknown"],
    [
      "keeps a lock",
      "cmultiprocessing.synchronize\nLock\n)\x81.",
      "multiprocessing.synchronize.Lock",
      "unknown",
    ],
    [
      "keeps a commented map",
      "cruamel.yaml.comments\nCommentedMap\n)\x81.",
      "ruamel.yaml.comments.CommentedMap",
      "unknown",
    ],
    [
      "hands an enum's member to a class",
      "cm\nC\n(cbuiltins\ngetattr\n(cm\nE\nVRED\ntRtR.",
      "builtins.getattr",
      "known",
    ],
    [
      "makes an instance of a nested class",
      "cbuiltins\ngetattr\n(cm\nC\nVInner\ntR)\x81.",
      "builtins.getattr",
      "known",
    ],
    [
      "gives a partial its state",
      "cfunctools\npartial\n(cm\nf\ntR(cm\nf\n)}Ntb.",
      "functools.partial",
      "unknown",
    ],
    [
      "lets torch rebuild a parameter",
      `${rebuild}(ctorch._utils\n_rebuild_tensor_v2\nctorch\nTensor\n)}tR.`,
      "torch._tensor._rebuild_from_type_v2",
      "known",
    ],
  ])("is honest where it %s", async (_what, pickle, global, verdict) => {
    expect((await findings(pickle)).verdicts).toMatchObject({ [global]: verdict });
  });

  it("warns of unknown code that would run, and only tells of unknown classes that hold state", async () => {
    expect((await findings("cm\nf\n)R.")).codes).toContain("UnknownCalls");
    expect((await findings(`${rebuild}(cm\nf\nctorch\nTensor\n)}tR.`)).codes).toContain("UnknownCalls");
    const state = (await findings("cm\nC\n)\x81}b.")).codes;
    expect(state).toContain("UnknownImports");
    expect(state).not.toContain("UnknownCalls");
  });

  it.each([
    "torch.distributed.checkpoint.filesystem\nFileSystemReader",
    "lightning.pytorch.cli\nLightningCLI",
    "pipes\nTemplate",
    "dataclasses\n_create_fn",
    "gettext\nc2py",
    "pathlib\nPath.write_text",
    "dataclasses\nbuiltins.exec",
    "torch.ops\nload_library",
    "m\nModel.load_from_checkpoint",
    "m\nos.system",
  ])("is dangerous where it calls %j", async (name) => {
    expect(Object.values((await findings(`c${name}\n(S'x'\ntR.`)).verdicts)).toContain("dangerous");
  });

  it("keeps a dangerous name behind more imports than are kept", async () => {
    const decoys = Array.from({ length: 10_001 }, (_, at) => `cm\nC${at}\n0`).join("");
    const { verdicts, codes } = await findings(`${decoys}cos\nsystem\n.`);
    expect(verdicts).toMatchObject({ "os.system": "dangerous" });
    expect(codes).toContain("TooManyImports");
  });

  it("finds what an opcode takes from beyond its frame", async () => {
    const hidden = "\0\0cos\nsystem\nN\x85R.";
    const pickle = `N\x95${little(2, 8)}B${little(hidden.length, 4)}${hidden}.`;
    const { verdicts, codes } = await findings(pickle);
    expect(verdicts).toMatchObject({ "os.system": "dangerous" });
    expect(codes).toContain("CrossedFrame");
  });
});
