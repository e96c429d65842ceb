import { describe, expect, it } from "vitest";
import { matchLayers } from "../../../src/core/optimizer/matchLayers";

type Shape = readonly number[];

/** As a file of Keras lists them: by name. */
function variables(layers: Readonly<Record<string, readonly Shape[]>>) {
  return Object.entries(layers)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([layer, shapes]) =>
      shapes.map((shape, at) => ({ name: `layers/${layer}/vars/${at}`, shape, dtype: "F32" })),
    );
}

const named = (shapes: readonly (Shape | undefined)[], layers: Readonly<Record<string, readonly Shape[]>>) =>
  matchLayers(shapes, variables(layers))?.map(({ name }) => name.replace("layers/", ""));

describe("the variables of Keras' layers that an optimizer trains", () => {
  // Dense, BatchNormalization, Dense, Dense, as Keras 3.15 numbers them.
  const mixed = {
    batch_normalization: [[16], [16], [16], [16]],
    dense: [[12, 16], [16]],
    dense_1: [[16, 16], [16]],
    dense_2: [[16, 3], [3]],
  };

  it("are found in the model's order, where the file has them by name; statistics are not trained", () => {
    expect(named([[12, 16], [16], [16], [16], [16, 16], [16], [16, 3], [3]], mixed)).toEqual([
      "dense/vars/0",
      "dense/vars/1",
      "batch_normalization/vars/0",
      "batch_normalization/vars/1",
      "dense_1/vars/0",
      "dense_1/vars/1",
      "dense_2/vars/0",
      "dense_2/vars/1",
    ]);
  });

  it("follow each other within attention, and within what reads both ways, as these declare them", () => {
    const names = ["key_dense", "output_dense", "query_dense", "value_dense"];
    const attention = Object.fromEntries(names.map((name) => [`attention/${name}`, [[4, 4]]]));
    const both = { "both/backward_layer/cell": [[4, 2]], "both/forward_layer/cell": [[4, 2]] };
    const shapes = [...names.map(() => [4, 4]), [4, 2], [4, 2]];
    expect(named(shapes, { ...attention, ...both })?.map((name) => name.split("/")[1])).toEqual([
      ...["query_dense", "key_dense", "value_dense", "output_dense"],
      ...["forward_layer", "backward_layer"],
    ]);
  });

  it("are those of the layers that are not frozen", () => {
    expect(named([[16, 3], [3]], mixed)).toEqual(["dense_2/vars/0", "dense_2/vars/1"]);
  });

  it("count layers as numbers: the tenth follows the ninth", () => {
    const layers = Object.fromEntries(
      Array.from({ length: 12 }, (_, at) => [at === 0 ? "dense" : `dense_${at}`, [[at + 1, 2]]]),
    );
    const shapes = Array.from({ length: 12 }, (_, at) => [at + 1, 2]);
    expect(named(shapes, layers)?.at(10)).toBe("dense_10/vars/0");
  });

  it("have no names where layers of two classes could be exchanged, or which is frozen is open", () => {
    const twins = { "block/key": [[4, 4]], "block/query": [[4, 4]] };
    expect(
      named(
        [
          [4, 4],
          [4, 4],
        ],
        twins,
      ),
    ).toBeUndefined();
    expect(named([[4, 4]], { dense: [[4, 4]], dense_1: [[4, 4]] })).toBeUndefined();
  });

  it("have none where the shapes do not come out, or nothing is there", () => {
    expect(named([[5, 5]], mixed)).toBeUndefined();
    expect(named([[5]], {})).toBeUndefined();
  });

  it("are given up where there are too many ways to look through", () => {
    const layers = Object.fromEntries(
      Array.from({ length: 60 }, (_, at) => [`${String.fromCharCode(97 + (at % 20))}x_${at}`, [[2, 2]]]),
    );
    const shapes = Array.from({ length: 60 }, () => [2, 2]);
    expect(named(shapes, layers)).toBeUndefined();
  });
});
