import { expect, it } from "vitest";
import { findModels } from "../../../../src/core/optimizer/modelsInside";
import { latin1, text } from "../pickle/latin1";
import { read } from "./torchFixtures";
import { call, dict, global, int, ints, tuple } from "./torchPickle";

/** As NumPy pickles a dtype: `numpy.dtype(code, False, True)` and its state. */
const dtype = (code: string, size: number) =>
  `${global("numpy.dtype")}(${code}\x89\x88tR(${int(3)}${text("<")}NNN${int(size)}${int(size)}${int(0)}tb`;

/** `jax/_src/array.py`: NumPy's function, its arguments, the array's state, and what JAX knows of it. */
const jaxArray = (maker: string, code: string, shape: readonly number[], bytes: string) =>
  call(
    maker,
    global("numpy._core.multiarray._reconstruct"),
    tuple(global("numpy.ndarray"), ints(0), text("b")),
    tuple(
      int(1),
      ints(...shape),
      dtype(code, code.startsWith("X") ? -1 : 2),
      "\x89",
      `B${String.fromCharCode(bytes.length, 0, 0, 0)}${bytes}`,
    ),
    dict({ weak_type: "\x89" }),
  );

it.each(["jax._src.array._reconstruct_array", "jax._src.device_array.reconstruct_device_array"])(
  "reads the arrays that %s makes, and warns of nothing",
  async (maker) => {
    const kernel = jaxArray(maker, text("f4"), [2, 1], "\x00\x00\x80\x3f\x00\x00\x00\xc0");
    const bias = jaxArray(maker, global("ml_dtypes.bfloat16"), [1], "\x80\x3f");
    const file = latin1(`\x80\x04${dict({ params: dict({ kernel, bias }) })}.`);
    const { tensors, problems } = await read(file, "params.pkl");
    expect(tensors.map(({ name, dtype: of, shape, byteSize }) => [name, of, shape, byteSize])).toEqual([
      ["params.kernel", "F32", [2, 1], 8],
      ["params.bias", "BF16", [1], 2],
    ]);
    expect(problems).toEqual([]);
  },
);

it("takes the tree of Flax for one model, and not each of its layers", async () => {
  const one = jaxArray("jax._src.array._reconstruct_array", text("f4"), [1], "\x00\x00\x80\x3f");
  const layer = dict({ kernel: one, bias: one });
  const params = dict({ MLP_0: dict({ hidden_0: layer, hidden_1: layer }) });
  const { content } = await read(
    latin1(`\x80\x04${tuple(dict({ params }), dict({ params }))}.`),
    "policy.pkl",
  );
  if (content === undefined) throw new Error("nothing was read");
  expect(findModels(content).map(({ path, tensors }) => [path, tensors.map(({ name }) => name)])).toEqual([
    [
      "0.params",
      ["MLP_0.hidden_0.kernel", "MLP_0.hidden_0.bias", "MLP_0.hidden_1.kernel", "MLP_0.hidden_1.bias"],
    ],
    [
      "1.params",
      ["MLP_0.hidden_0.kernel", "MLP_0.hidden_0.bias", "MLP_0.hidden_1.kernel", "MLP_0.hidden_1.bias"],
    ],
  ]);
});
