import { expect, it } from "vitest";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { sampledFindings } from "../../../src/core/session/sampledValues";
import { zipFile } from "../../support/made/zipFile";
import { MemoryFiles } from "../../support/memoryFiles";
import { latin1, little, text } from "../formats/pickle/latin1";
import {
  call,
  dict,
  floatBytes,
  floats,
  global,
  int,
  storage,
  tensorV2,
  torchArchive,
} from "../formats/torch/torchPickle";

/** Files as public projects saved them, each of which was told wrong once. */

const open = (name: string, bytes: Uint8Array) =>
  CheckpointSession.open(new MemoryFiles({ [`/m/${name}`]: bytes }), `/m/${name}`, () => undefined);

const scalar = (key: string) => tensorV2(storage("torch.FloatStorage", key, 1), [], []);
const { POSITIVE_INFINITY: infinity } = Number;

/** What Lightning keeps of a callback that watches nothing. */
const callbacks = dict({ ModelCheckpoint: dict({ kth_value: scalar("9"), best_model_score: "N" }) });

it("a state dict of single numbers is a model, whatever they are called", async () => {
  const value = dict({
    global_step: int(5),
    state_dict: dict({ wlr1: scalar("0"), blr1: scalar("1") }),
    callbacks,
  });
  const bytes = torchArchive(value, { 0: floatBytes(1), 1: floatBytes(2), 9: floatBytes(infinity) });
  const session = await open("m.ckpt", bytes);
  expect(session.summary()).toMatchObject({ kind: "training-checkpoint", parameterCount: 2 });
  expect(await sampledFindings(session)).toEqual([]);
});

it("the first score of a callback is no weight, of a file without a model too", async () => {
  const state = `}(${int(0)}${dict({ exp_avg: floats("0", 2) })}u`;
  const optimizer = dict({ state, param_groups: `](${dict({ params: `](${int(0)}e` })}e` });
  const value = dict({ global_step: int(5), optimizer_states: `](${optimizer}e`, callbacks });
  const bytes = torchArchive(value, { 0: floatBytes(1, 2), 9: floatBytes(infinity) });
  expect(await sampledFindings(await open("m.ckpt", bytes))).toEqual([]);
});

it("losses that are tensors are no model", async () => {
  const losses = `](${scalar("0")}${scalar("1")}e`;
  const session = await open(
    "m.pkl.pt",
    torchArchive(dict({ run: dict({ cluster_losses: losses }) }), { 0: floatBytes(1), 1: floatBytes(2) }),
  );
  expect(session.summary().kind).toBe("data");
});

it("what is infinite in data is no fault of a training", async () => {
  const session = await open(
    "m.pt",
    torchArchive(dict({ labels: floats("0", 2), x_train: floats("1", 2) }), {
      0: floatBytes(infinity, 1),
      1: floatBytes(1, 2),
    }),
  );
  expect(await sampledFindings(session)).toMatchObject([{ severity: "info", code: "NotFiniteValues" }]);
});

it("a recurrent layer lists its parameters once more, which its state dict does not", async () => {
  const parameter = call(
    "torch._utils._rebuild_parameter",
    floats("0", 2),
    "\x88",
    call("collections.OrderedDict"),
  );
  const state = dict({
    _parameters: dict({ weight_ih_l0: `${parameter}q\x05` }),
    _modules: call("collections.OrderedDict"),
    _flat_weights: "](h\x05e",
  });
  const module = `${global("torch.nn.modules.rnn.GRU")})\x81${state}b`;
  const { tensors } = (await open("m.pt", torchArchive(module, { 0: floatBytes(1, 2) }))).checkpoint;
  expect(tensors.map(({ name }) => name)).toEqual(["weight_ih_l0"]);
});

it("an optimizer of the model and of a loss that is not saved fits, with one parameter more", async () => {
  const shapes = [...new Array(10).fill([2]), [3]] as number[][];
  const parameter = ([size = 0]: number[], key: number) => floats(`${key}`, size);
  const weights = dict(
    Object.fromEntries(shapes.slice(0, 10).map((shape, at) => [`l${at}.weight`, parameter(shape, at)])),
  );
  const state = shapes.map((shape, at) => `${int(at)}${dict({ exp_avg: parameter(shape, at) })}`).join("");
  const optimizer = dict({
    state: `}(${state}u`,
    param_groups: `](${dict({ params: `](${shapes.map((_, at) => int(at)).join("")}e` })}e`,
  });
  const more = weights.replace(
    /u$/,
    `${text("never.weight")}${tensorV2(storage("torch.FloatStorage", "10", 3), [3, 1], [1, 1])}u`,
  );
  const storages = Object.fromEntries(
    shapes.map(([size = 0], at) => [at, floatBytes(...new Array(size).fill(1))]),
  );
  const session = await open("m.pt", torchArchive(dict({ model: more, optimizer, epoch: int(3) }), storages));
  const { answer, checks } = await session.resume();
  expect(answer).not.toBe("no");
  expect(JSON.stringify(checks)).toContain("1 parameter more, such as 3:");
});

/** numpy.save of a vector of float32, format 1.0. */
function npy(...values: readonly number[]): Uint8Array {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${values.length},), }`.padEnd(118);
  return new Uint8Array([
    ...latin1(`\x93NUMPY\x01\x00${little(header.length, 2)}${header}`),
    ...floatBytes(...values),
  ]);
}

it("an archive of Stable-Baselines 2 is its parameters, and its settings are looked into", async () => {
  const harmful = btoa("cposix\nsystem\n(Vtrue\ntR.");
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const bytes = zipFile([
    { name: "data", data: json({ gamma: 0.99, policy: { ":serialized:": harmful } }) },
    { name: "parameters", data: zipFile([{ name: "model/pi/w:0.npy", data: npy(1, 2) }]) },
    { name: "parameter_list", data: json(["model/pi/w:0"]) },
  ]);
  const session = await open("best_model.zip", bytes);
  expect(session.summary()).toMatchObject({ parameterCount: 2, problems: [{ code: "DangerousImport" }] });
  expect(session.checkpoint.metadata.get("gamma")).toBe("0.99");
});
