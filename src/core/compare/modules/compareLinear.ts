import { vectorNorm } from "../../linalg/matrix";
import type { LinearUpdate } from "../../update/composed/linearUpdate";
import { notCompared, type UpdateComparison } from "./compareUpdates";

/**
 * Two updates of one arrangement, from the vectors that they are outer products of. The difference is taken vector by
 * vector, x⊗y - x'⊗y' = (x - x')⊗y + x'⊗(y - y'), so that close ones lose no digits. Spaces are not compared.
 */
export function compareLinear(first: LinearUpdate, second: LinearUpdate): UpdateComparison {
  if (first.arrangement !== second.arrangement)
    return { ...notCompared, reason: "The two are arranged in blocks of other sizes." };
  const [norm1, norm2] = [first.metrics.frobenius, second.metrics.frobenius];
  const [x1, y1] = vectorsOf(first);
  const [x2, y2] = vectorsOf(second);
  const distance = distanceOf([x1, y1], [x2, y2]);
  const inner = dot(x1, x2) * dot(y1, y2);
  if (norm1 === 0 || norm2 === 0) {
    const reason = norm1 === 0 ? "The first update is zero." : "The second update is zero.";
    return { ...notCompared, relativeChange: norm1 === 0 ? undefined : 1, distance, inner: 0, reason };
  }
  return {
    ...notCompared,
    cosine: distance === 0 ? 1 : Math.min(Math.max(inner / norm1 / norm2, -1), 1),
    relativeChange: distance / norm1,
    distance,
    inner,
    sameness: distance === 0 ? "bytes" : undefined,
  };
}

type Outer = readonly [x: Float64Array, y: Float64Array];

/** The weight is part of the first vector; of one vector alone the other is 1. */
function vectorsOf({ weight, vectors }: LinearUpdate): Outer {
  const [x = Float64Array.of(0), y = Float64Array.of(1)] = vectors;
  return [x.map((value) => value * weight), y];
}

function distanceOf([x1, y1]: Outer, [x2, y2]: Outer): number {
  const [x, y] = [difference(x2, x1), difference(y2, y1)];
  const square = (norm(x) * norm(y1)) ** 2 + (norm(x2) * norm(y)) ** 2 + 2 * dot(x, x2) * dot(y1, y);
  return Math.sqrt(Math.max(square, 0));
}

function difference(x: Float64Array, y: Float64Array): Float64Array {
  return x.map((value, at) => value - (y[at] as number));
}

function norm(x: Float64Array): number {
  return vectorNorm(x, 0, x.length);
}

function dot(x: Float64Array, y: Float64Array): number {
  return x.reduce((sum, value, at) => sum + value * (y[at] as number), 0);
}
