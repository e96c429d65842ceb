import { expect, it } from "vitest";
import { decodeTensor } from "../../../src/core/tensors/decode";
import { encodeValues } from "../../../src/core/tensors/encode";
import { holdsExactly } from "../../../src/core/values/holdsExactly";

/** Doubles of any bits, and such as have few of them, near every end of what the dtypes hold. */
function values(): Float64Array {
  const bits = new BigUint64Array(20_000);
  let state = 0x9e3779b97f4a7c15n;
  for (let at = 0; at < bits.length; at++) {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
    bits[at] = state;
  }
  const any = new Float64Array(bits.buffer);
  const few = Float64Array.from(
    { length: 60_000 },
    (_, at) => (1 + (at % 2048) / 1024) * 2 ** ((at % 320) - 160),
  );
  const ends = [
    0,
    -0,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    65_504,
    65_520,
    2 ** -24,
    2 ** -25,
    2 ** -133,
    2 ** -134,
  ];
  return Float64Array.from([...any, ...few, ...ends, 3.3895313892515355e38, 3.4e38, 3.4028234663852886e38]);
}

it.each(["F32", "BF16", "F16", "F64"] as const)("knows just what %s gives back", (dtype) => {
  const all = values();
  const back = decodeTensor(encodeValues(all, dtype), dtype, all.length);
  const wrong = all.filter(
    (value, at) =>
      holdsExactly(Float64Array.of(value), dtype) !== (Number.isNaN(value) || back[at] === value),
  );
  expect([...wrong.slice(0, 5)]).toEqual([]);
});
