import { deflateSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { hostilePickles, wholePickle } from "../../fuzz/hostilePickles";
import { protoBytes, protoNumber } from "../../support/made/proto";
import { safetensorsFile } from "../../support/made/safetensorsFile";
import { tarFile } from "../../support/made/tarFile";
import { zipFile } from "../../support/made/zipFile";
import { MemoryFiles } from "../../support/memoryFiles";
import { floats } from "../formats/torch/torchPickle";

const weights = safetensorsFile({ tensors: [{ name: "w", dtype: "F32", shape: [2] }] });

/** What is told of a folder whose weights are clean, as `severity code message`. */
async function told(files: Readonly<Record<string, string | Uint8Array>>): Promise<readonly string[]> {
  const beside = Object.entries(files).map(([name, content]) => [`/f/${name}`, content] as const);
  const memory = new MemoryFiles({ "/f/model.safetensors": weights, ...Object.fromEntries(beside) });
  const session = await CheckpointSession.open(memory, "/f", () => undefined);
  const problems = await session.health();
  return problems
    .filter(({ severity }) => severity !== "info")
    .map(({ severity, code, message }) => `${severity} ${code} ${message}`);
}

const json = (value: object) => JSON.stringify(value);
const template = (text: string) => json({ chat_template: text });

test("a pickle among thousands of other files is told", async () => {
  const names = Array.from({ length: 2500 }, (_, at) => `${at}.txt`);
  const pickle = wholePickle(hostilePickles[0] as (typeof hostilePickles)[number]);
  const lines = await told({ ...Object.fromEntries(names.map((name) => [name, "x"])), "zz.pkl": pickle });
  expect(lines).toContainEqual(expect.stringMatching(/^error DangerousImport zz\.pkl/));
});

describe("settings that have a framework run code are told, with who runs what", () => {
  test.each<[what: string, file: string, content: string, expected: RegExp]>([
    ["auto_map", "config.json", json({ auto_map: { AutoModel: "modeling_x.X" } }), /^warning.*modeling_x\.X/],
    ["deeper", "config.json", json({ text_config: { auto_map: { A: "a/b--c.D" } } }), /^warning.*a\/b--c\.D/],
    ["of a tokenizer", "tokenizer_config.json", json({ auto_map: { AutoTokenizer: ["t.T", null] } }), /t\.T/],
    ["trust", "config.json", json({ trust_remote_code: true }), /^warning.*trust_remote_code/],
    ["kernels", "config.json", json({ attn_implementation: "a/kernels" }), /^warning.*a\/kernels/],
    ["generation", "generation_config.json", json({ custom_generate: "a/b" }), /^warning.*a\/b/],
    [
      "PEFT's library",
      "adapter_config.json",
      json({ peft_type: "LORA", auto_mapping: { base_model_class: "system", parent_library: "os" } }),
      /^error.*PEFT imports: os\.system/,
    ],
    [
      "sentence-transformers",
      "modules.json",
      json([{ path: "", type: "subprocess.Popen" }]),
      /^error.*Popen/,
    ],
    ["diffusers", "model_index.json", json({ unet: ["my_unet", "Net"] }), /^warning.*my_unet\.Net/],
    ["a pipeline of its own", "model_index.json", json({ _class_name: ["pipe", "P"] }), /^warning.*pipe\.P/],
    [
      "ModelScope",
      "configuration.json",
      json({ framework: "pytorch", plugins: ["quiet_plugin"] }),
      /^warning.*quiet/,
    ],
    ["ModelScope's repository", "configuration.json", json({ allow_remote: true }), /^warning.*allow_remote/],
    [
      "a function of Keras",
      "config.json",
      json({ module: "keras.utils", class_name: "get_file", config: { origin: "http://x" } }),
      /^error.*keras\.utils\.get_file/,
    ],
    [
      "a file that Keras reads",
      "config.json",
      json({
        layers: [
          { module: "keras.layers", class_name: "StringLookup", config: { vocabulary: "/etc/passwd" } },
        ],
      }),
      /^warning.*\/etc\/passwd/,
    ],
    ["jsonpickle", "state.json", json({ "py/object": "os.system" }), /^error.*os\.system/],
    ["too deep", "generation_config.json", `{"a":${"[".repeat(400)}`, /^warning UnsearchedSettings/],
    ["too long", "tokenizer_config.json", `{"a":"${"a".repeat(2_000_001)}"}`, /^warning UnsearchedSettings/],
    ["Hydra", "config.yaml", 'model:\n  _target_: "os.system"\n', /^error.*os\.system/],
    ["Hydra, in a line", "config.yaml", "m: {_target_: quiet.run, x: 1}\n", /^warning.*quiet\.run/],
    ["Hydra's folder", ".hydra/config.yaml", "- _target_: subprocess.Popen\n", /^error.*Popen/],
    ["a tag", "hparams.yaml", 'a: !!python/object/apply:os.system ["x"]\n', /^error.*os\.system/],
    ["a tag of a class", "hparams.yaml", "a: !!python/object/new:quiet.Thing {}\n", /^warning.*quiet\.Thing/],
    [
      "a tag by a handle",
      "h.yaml",
      "%TAG ! tag:yaml.org,2002:python/\n---\na: !name:os.system x\n",
      /^error/,
    ],
    [
      "a tag by another",
      "h.yaml",
      "%TAG !y! tag:yaml.org,2002:\n---\n- !y!python/name:os.system x\n",
      /^error/,
    ],
    ["a whole tag", "h.yaml", "a: !<tag:yaml.org,2002:python/object/apply:os.system> []\n", /^error/],
    ["a tag with codes", "h.yaml", "a: !!p%79thon/object/apply:os.system []\n", /^error.*os\.system/],
    ["MLflow's loader", "MLmodel", "  loader_module: evil_loader\n", /^warning.*evil_loader/],
    [
      "MLflow's code",
      "MLmodel",
      "  code: code\n  loader_module: mlflow.sklearn\n",
      /^warning.*code \(code\)/,
    ],
    [
      "a template",
      "tokenizer_config.json",
      template("{{ x.__init__.__globals__ }}"),
      /Suspicious.*__globals__/,
    ],
    ["one of several", "t.json", json({ chat_template: [{ template: "{{ ''.__class__ }}" }] }), /__class__/],
    ["a template in pieces", "chat_template.jinja", "{{ x|attr('__glo' ~ 'bals__') }}", /__globals__.*attr/],
    ["a template in codes", "chat_template.jinja", "{{ x['\\x5f\\x5fclass\\x5f\\x5f'] }}", /__class__/],
    ["a template's file", "chat_template.jinja", "{% include '/etc/passwd' %}", /include/],
    [
      "Keras beside its weights",
      "model.json",
      json({ class_name: "Model", config: [{ class_name: "Lambda", config: {} }] }),
      /^warning.*Lambda/,
    ],
    [
      "a Keras module",
      "model.json",
      json({ class_name: "system", module: "os", config: 1 }),
      /^error.*os\.system/,
    ],
    [
      "a function of Keras",
      "model.json",
      json({ class_name: "function", module: "keras.utils", config: "get_file" }),
      /^error.*get_file/,
    ],
  ])("%s", async (_what, file, content, expected) => {
    const [first = "nothing", ...rest] = await told({ [file]: content });
    expect([first, ...rest].join("\n")).toMatch(expected);
    expect(first).not.toMatch(/undefined/);
  });

  test("operators of a SavedModel that reach files or Python, in its functions too", async () => {
    const text = (field: number, value: string) => protoBytes(field, [...Buffer.from(value)]);
    const node = (field: number, operator: string) =>
      protoBytes(field, [...text(1, "n"), ...text(2, operator)]);
    const inFunction = protoBytes(2, protoBytes(1, node(3, "WriteFile")));
    const graph = protoBytes(2, [...node(1, "ReadFile"), ...node(1, "SaveV2"), ...inFunction]);
    const model = Uint8Array.from([...protoNumber(1, 1), ...protoBytes(2, graph)]);
    const [problem, ...rest] = await told({ "saved_model.pb": model });
    expect(problem).toMatch(/^warning RunsCode .*: ReadFile, WriteFile \(graph\)/);
    expect(rest).toEqual([]);
  });

  test("honest ones are not", async () => {
    const files = {
      "config.json": json({
        model_type: "llama",
        _attn_implementation: "sdpa",
        auto_map: null,
        trust_remote_code: false,
      }),
      "adapter_config.json": json({
        peft_type: "LORA",
        auto_mapping: { base_model_class: "GPT2", parent_library: "transformers.models.gpt2.modeling_gpt2" },
      }),
      "model_index.json": json({
        _class_name: "StableDiffusionPipeline",
        unet: ["diffusers", "UNet2DConditionModel"],
        safety_checker: ["stable_diffusion", "StableDiffusionSafetyChecker"],
        feature_extractor: [null, null],
      }),
      "modules.json": json([{ path: "", type: "sentence_transformers.models.Transformer" }]),
      "hparams.yaml":
        "lr: 0.1\np: !!python/object/apply:pathlib.PosixPath [a]\nt: !!python/tuple [1]\ncode: x\n",
      "config.yaml": "model:\n  _target_: torch.nn.Linear\ntarget: mean\n",
      MLmodel: "flavors:\n  python_function:\n    code: null\n    loader_module: mlflow.sklearn\n",
      "model.json": json({ class_name: "Dense", module: "keras.layers", config: { activation: "relu" } }),
      "chat_template.jinja":
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] }}{{ m.content | trim }}{% endfor %}{{ __image__ }}",
      "README.md": "Load it with trust_remote_code=True. import os",
    };
    expect(await told(files)).toEqual([]);
  });
});

const pickle = wholePickle(
  hostilePickles.find(({ way }) => way === "eval") ?? { way: "", opcodes: "", protocol: 2 },
);
const inZip = zipFile([{ name: "m/data.pkl", data: pickle }]);

test.each<[file: string, content: Uint8Array]>([
  ["optimizer", inZip],
  ["tokenizer.joblib", pickle],
  ["scaler.joblib.z", deflateSync(pickle)],
  ["vocab.dat", pickle],
  ["extra_state.json", pickle],
  ["state.pkl.gz", gzipSync(pickle)],
  ["extra.zip", zipFile([{ name: "x", data: pickle }])],
  ["handler.mar", zipFile([{ name: "m/m.pt", data: inZip }])],
  ["extra.tar", tarFile([{ name: "x.pkl", content: pickle }])],
  ["artifacts/preprocessor.pkl", pickle],
  [".metadata", pickle],
])("a pickle that would run code is told in %s beside the weights", async (file, content) => {
  expect((await told({ [file]: content })).join("\n")).toMatch(/error DangerousImport .*eval/);
});

test("a pickle is told though no data.pkl is in the archive, or its name goes on behind a zero", async () => {
  for (const name of ["m/data.pkl\0.txt", "m\\data.pkl"]) {
    const bytes = zipFile([
      { name, data: pickle },
      { name: "m/version", data: Buffer.from("3\n") },
    ]);
    expect((await told({ "a.pt": bytes })).join("\n")).toMatch(/error DangerousImport .*eval/);
  }
});

test("a pickle that is compressed by what cannot be unpacked here is told, other compressed files are not", async () => {
  const packed = Uint8Array.from([0xfd, ...Buffer.from("7zXZ\0 and so on")]);
  expect((await told({ "state.pkl.xz": packed })).join("\n")).toMatch(/^error CompressedFile state\.pkl\.xz/);
  expect(await told({ "texts.tar.xz": packed, "0f3a": packed })).toEqual([]);
});

test("numbers of a torch file beside the weights that begin like a pickle are numbers", async () => {
  const root = `\x80\x02${floats("0", 2)}.`;
  const members = [
    { name: "m/data.pkl", data: Buffer.from(root, "latin1") },
    { name: "m/data/0", data: Buffer.from("\x80\x02\x84\x01\x02\x03\x04.", "latin1") },
  ];
  expect(await told({ "lightning_logs/last.dat": zipFile(members) })).toEqual([]);
});
