import { describe, expect, it } from "vitest";
import { importProblems } from "../../../../src/core/formats/importFinding";
import { isDangerousGlobal } from "../../../../src/core/formats/pickle/dangerousGlobals";
import { judgeImports } from "../../../../src/core/formats/pickle/importReport";
import { isKnownGlobal } from "../../../../src/core/formats/pickle/knownGlobals";
import { zipFile } from "../../../support/made/zipFile";
import { read } from "../torch/torchFixtures";
import { torchArchive } from "../torch/torchPickle";
import { latin1, little, text } from "./latin1";

const split = (name: string): [string, string] => [
  name.slice(0, name.indexOf(" ")),
  name.slice(name.indexOf(" ") + 1),
];

async function verdicts(bytes: Uint8Array, name = "file.pkl"): Promise<Record<string, string>> {
  const { imports } = await read(bytes, name);
  return Object.fromEntries((imports ?? []).map(({ global, verdict }) => [global, verdict]));
}

describe("what is told of imports", () => {
  const finding = (global: string, offset: number) =>
    ({ global, verdict: "dangerous", count: 1, offset }) as const;

  it("is one finding of what cloudpickle needs, and one of each other danger", () => {
    const told = importProblems([
      finding("cloudpickle.cloudpickle._make_function", 3),
      finding("os.system", 7),
      finding("cloudpickle.cloudpickle._make_cell", 9),
      finding("os.popen", 11),
    ]);
    expect(told.map(({ code, offset }) => [code, offset])).toEqual([
      ["DangerousImport", 3],
      ["DangerousImport", 7],
      ["DangerousImport", 11],
    ]);
    expect(told[0]?.message).toContain("_make_function, cloudpickle.cloudpickle._make_cell");
  });

  it("is one finding of the copy of cloudpickle that Ray carries", () => {
    const told = importProblems([
      finding("ray.cloudpickle.cloudpickle._make_function", 3),
      finding("ray.cloudpickle.cloudpickle._make_cell", 9),
    ]);
    expect(told).toHaveLength(1);
    expect(told[0]?.message).toContain("So cloudpickle");
  });

  it("is nothing of a function of torch that a module refers to, and something of one that is called", () => {
    const relu = {
      module: "torch.nn.functional",
      name: "relu",
      count: 1,
      offset: 0,
      computed: false,
      alarm: false,
    };
    const verdict = (called: boolean) => judgeImports([{ ...relu, called }])[0]?.verdict;
    expect([verdict(false), verdict(true)]).toEqual(["known", "unknown"]);
  });
});

describe("an import", () => {
  it.each([
    ...[
      "os system",
      "posix system",
      "nt system",
      "subprocess Popen",
      "sys exit",
      "builtins eval",
      "builtins exec",
    ],
    ...[
      "builtins __import__",
      "builtins compile",
      "builtins open",
      "runpy run_path",
      "socket socket",
      "shutil rmtree",
    ],
    ...[
      "pickle loads",
      "_pickle loads",
      "dill loads",
      "cloudpickle.cloudpickle loads",
      "torch load",
      "torch.hub load",
    ],
    ...[
      "torch.serialization load",
      "webbrowser open",
      "http.client HTTPSConnection",
      "requests.api get",
      "bdb Bdb",
    ],
    ...[
      "asyncio.subprocess create_subprocess_exec",
      "pdb run",
      "code interact",
      "timeit timeit",
      "ctypes CDLL",
    ],
    ...[
      "multiprocessing.process Process",
      "importlib import_module",
      "pkgutil resolve_name",
      "types CodeType",
    ],
    ...[
      "types FunctionType",
      "operator attrgetter",
      "operator methodcaller",
      "random _os.system",
      "six.moves.builtins exec",
    ],
    ...[
      "numpy.testing._private.utils runstring",
      "pip main",
      "pydoc locate",
      "idlelib.run Executive.runcode",
    ],
    ...["lib2to3.pgen2.grammar Grammar.loads", "ensurepip _run_pip", "venv create", "trace Trace.run"],
    ...["cProfile run", "profile run", "uuid _get_command_stdout", "platform popen", "io FileIO", "_io open"],
    ...[
      "logging FileHandler",
      "urllib.request urlopen",
      "torch._inductor.codecache compile_file",
      "numpy load",
    ],
    ...[
      "torch.utils.cpp_extension load",
      "torch.fx.graph_module reduce_graph_module",
      "joblib load",
      "yaml load",
    ],
    ...["_frozen_importlib _gcd_import", "torch.jit load", "functools reduce", "copyreg add_extension"],
    // Dotted names walk from one module into another.
    ...[
      "torch.serialization os.system",
      "torch hub.load",
      "collections sys.modules",
      "builtins eval.__call__",
    ],
    ...["collections OrderedDict.__init__.__globals__", "numpy.lib os", "torch._utils subprocess.run"],
  ])("of %s is dangerous", (name) => {
    expect(isDangerousGlobal(...split(name))).toBe(true);
  });

  it.each([
    ...[
      "collections OrderedDict",
      "torch._utils _rebuild_tensor_v2",
      "torch FloatStorage",
      "torch.storage UntypedStorage",
    ],
    ...["torch bfloat16", "torch float8_e4m3fn", "torch Size", "torch device", "numpy dtype", "builtins set"],
    ...[
      "numpy._core.multiarray _reconstruct",
      "numpy.core.multiarray scalar",
      "_codecs encode",
      "argparse Namespace",
    ],
    ...[
      "torch.nn.modules.linear Linear",
      "torch.optim.adamw AdamW",
      "transformers.training_args TrainingArguments",
    ],
    ...[
      "transformers.trainer_utils SchedulerType",
      "trl.trainer.sft_config SFTConfig",
      "accelerate.state PartialState",
    ],
    ...["pathlib PosixPath", "datetime datetime", "__torch__.my.Net Net", "torch.jit._pickle build_intlist"],
    ...["builtins getattr", "omegaconf.dictconfig DictConfig", "numpy.random._pickle __randomstate_ctor"],
    ...["pandas.core.indexes.base _new_Index", "pandas._libs.internals _unpickle_block", "pandas DataFrame"],
    ...["pandas.core.internals.managers BlockManager", "pandas.core.frame DataFrame", "typing Any"],
    ...["stable_baselines3.common.type_aliases TrainFrequencyUnit", "gymnasium.spaces.box Box"],
    ...["numpy.random __RandomState_ctor", "numpy.random.bit_generator __pyx_unpickle_SeedSequence"],
    ...["deepspeed.runtime.fp16.loss_scaler LossScaler", "uuid UUID", "types SimpleNamespace", "io BytesIO"],
  ])("of %s is known", (name) => {
    expect(isDangerousGlobal(...split(name))).toBe(false);
    expect(isKnownGlobal(...split(name))).toBe(true);
  });

  it.each([
    "__main__ Model",
    "sklearn.linear_model ElasticNet",
    "my.codes Decoder",
    "fairseq.data Dictionary",
    "site_model Net",
  ])("of %s is unknown, which is not dangerous", (name) => {
    expect(isDangerousGlobal(...split(name))).toBe(false);
    expect(isKnownGlobal(...split(name))).toBe(false);
  });
});

describe("the import report of a file", () => {
  it("counts, and says where the first stands", async () => {
    const parsed = await read(latin1("](cos\nsystem\ncos\nsystem\ncm\nC\ne."), "file.pkl");
    expect(parsed.imports).toEqual([
      { global: "os.system", verdict: "dangerous", count: 2, offset: 2 },
      { global: "m.C", verdict: "unknown", count: 1, offset: 24 },
    ]);
    expect(parsed.problems.map(({ code, offset }) => [code, offset])).toEqual([
      ["DangerousImport", 2],
      ["UnknownImports", undefined],
    ]);
    expect(parsed.problems[0]?.message).toContain("Nothing was executed");
  });

  it.each([
    ["by GLOBAL", "cos\nsystem\n."],
    ["by INST", "(S'ls'\nios\nsystem\n."],
    ["by OBJ", "(cos\nsystem\nS'ls'\no."],
    ["by STACK_GLOBAL", "\x80\x04\x8c\x02os\x8c\x06system\x93."],
    ["by STACK_GLOBAL of strings from the memo", "\x80\x04\x8c\x02os\x940\x8c\x06system\x940h\0h\x01\x93."],
    [
      "by STACK_GLOBAL of strings that were put below others",
      "Vos\np2\n0Vsystem\np3\n0Vtorch\np0\n0g2\ng3\n\x93.",
    ],
    ["and dropped again", "cos\nsystem\n0N."],
    ["before an opcode that does not exist", "cos\nsystem\n\x01garbage"],
    ["after a memo that was never set", "h\x09cos\nsystem\n."],
    ["after a broken stack", "Racos\nsystem\n."],
    ["in a pickle behind the first", "N.cos\nsystem\n."],
    ["in a pickle that is cut", "cos\nsystem\n(S'l"],
  ])("finds it %s", async (_what, pickle) => {
    expect(await verdicts(latin1(pickle))).toMatchObject({ "os.system": "dangerous" });
  });

  it("calls an import dangerous whose name is computed", async () => {
    const found = await verdicts(latin1("cm\nf\n)RVsystem\n\x93."));
    expect(Object.values(found)).toContain("dangerous");
  });

  it.each([
    ["an enum member", "cbuiltins\ngetattr\n(cm\nColor\nVRED\ntR.", "known"],
    ["a bound method of an object", "cbuiltins\ngetattr\n((cm\nC\noV_anneal\ntR.", "known"],
    ["what lies below a class", "cbuiltins\ngetattr\n(cm\nC\nV__globals__\ntR.", "dangerous"],
    ["what another call gave", "cbuiltins\ngetattr\n(cm\nf\n)R)RVx\ntR.", "dangerous"],
    ["a function that is called", "cbuiltins\ngetattr\n(cm\nC\nVrun\ntR(S'ls'\ntR.", "dangerous"],
    ["a name that is no text", "cbuiltins\ngetattr\n(cm\nC\nI1\ntR.", "dangerous"],
  ])("judges getattr by its use: %s", async (_what, pickle, verdict) => {
    expect(await verdicts(latin1(`\x80\x03${pickle}`))).toMatchObject({ "builtins.getattr": verdict });
  });

  it("judges partial by its use", async () => {
    const partial = "cfunctools\npartial\n(cbuiltins\nint\ntR";
    expect(await verdicts(latin1(`${partial}.`))).toMatchObject({ "functools.partial": "unknown" });
    expect(await verdicts(latin1(`${partial})R.`))).toMatchObject({ "functools.partial": "dangerous" });
  });

  const evil = "\x80\x02cos\nsystem\n.";

  it("looks into pickles inside of pickles", async () => {
    const payload = `B${little(evil.length, 4)}${evil}`;
    const parsed = await read(latin1(`\x80\x03cm\nload\n(${payload}tR.`), "file.pkl");
    expect(parsed.imports).toContainEqual({
      global: "os.system",
      verdict: "dangerous",
      count: 1,
      offset: 2,
      where: "a pickle inside the pickle",
    });
    const twice = `\x80\x03${payload}.`;
    expect(await verdicts(latin1(`\x80\x03B${little(twice.length, 4)}${twice}.`))).toMatchObject({
      "os.system": "dangerous",
    });
  });

  it("looks into bytes that protocol 2 writes as text", async () => {
    const utf8 = `\xc2\x80${evil.slice(1)}`;
    const pickle = `\x80\x02c_codecs\nencode\n(X${little(utf8.length, 4)}${utf8}${text("latin1")}tR.`;
    expect(await verdicts(latin1(pickle))).toMatchObject({ "os.system": "dangerous" });
  });

  it("looks into the other pickles of an archive", async () => {
    const bytes = torchArchive("N", {}, [{ name: "m/extra/hidden.pkl", data: latin1(evil) }]);
    expect((await read(bytes)).imports).toMatchObject([{ global: "os.system", where: "m/extra/hidden.pkl" }]);
    const constants = torchArchive("N", {}, [{ name: "m/constants.pkl", data: latin1(evil) }]);
    expect(await verdicts(constants, "file.pt")).toMatchObject({ "os.system": "dangerous" });
  });

  it("looks into both of two members of one name", async () => {
    const members = [evil, "\x80\x02N."].map((pickle) => ({ name: "m/data.pkl", data: latin1(pickle) }));
    expect(await verdicts(zipFile(members), "file.pt")).toMatchObject({ "os.system": "dangerous" });
    expect(await verdicts(zipFile([...members].reverse()), "file.pt")).toMatchObject({
      "os.system": "dangerous",
    });
  });

  it.each([
    ["under any name", zipFile([{ name: "readme.txt", data: latin1(evil) }]), "x.zip"],
    ["with the flag of encryption", zipFile([{ name: "data.pkl", data: latin1(evil), flags: 1 }]), "x.zip"],
    ["compressed", zipFile([{ name: "data.pkl", data: latin1(evil), deflated: true }]), "x.zip"],
    [
      "in an archive that calls itself a model",
      zipFile([{ name: "a.pkl", data: latin1(evil) }]),
      "pytorch_model.bin",
    ],
    ["in a file without an ending", latin1(evil), "weights"],
    ["as text, whatever the file is called", latin1("cos\nsystem\n(S'ls'\ntR."), "pytorch_model.bin"],
    ["in an array of objects", npy(evil), "x.npy"],
    ["in an archive of arrays", zipFile([{ name: "x.npy", data: npy(evil) }]), "x.npz"],
  ])("looks into a pickle %s", async (_what, bytes, name) => {
    expect(await verdicts(bytes, name)).toMatchObject({ "os.system": "dangerous" });
  });
});

function npy(pickle: string): Uint8Array {
  const header = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n";
  return latin1(`\x93NUMPY\x01\0${little(header.length, 2)}${header}${pickle}`);
}
