import type { Tensor } from "../tensors/tensor";

/** What stands for the average in names, as a part of them: `ema_model.net.0.weight`, `ema.net.0.weight`. */
const averagePart =
  /(?:^|\.)(?:ema|ema_model|model_ema|ema_net(?:work)?|net(?:work)?_ema|ema_unet|unet_ema|ema_denoise_fn|ema_weights|averaged_model|swa_model)\./;

/** Quick to tell of a million names, nearly all of which are none. */
export function mayBeAverage(name: string): boolean {
  return (
    (name.includes("ema") || name.includes("averaged_") || name.includes("swa_")) && averagePart.test(name)
  );
}

/** Parts that may stand in front of the model that is trained: `online_model.`, `model.module.`. */
const maxLeading = 3;

interface Named {
  readonly name: string;
  readonly tensor: Pick<Tensor, "shape">;
}

/**
 * The moving average of a model that stands in one dictionary with it: under a prefix that says so, each of its tensors
 * with one of the same name and shape under another prefix. Undefined where not every one has such a twin.
 */
export function averagedTwins<One extends Named>(
  all: readonly One[],
): { readonly prefix: string; readonly average: ReadonlySet<One> } | undefined {
  if (!all.some(({ name }) => mayBeAverage(name))) return undefined;
  const average = new Set<One>();
  const tails: string[] = [];
  let prefix: string | undefined;
  const twins = new Set<string>();
  for (const one of all) {
    const found = averagePart.exec(one.name);
    if (found === null) {
      for (const tail of tailsOf(one.name)) twins.add(keyOf(tail, one));
      continue;
    }
    const end = found.index + found[0].length;
    prefix ??= one.name.slice(0, end - 1);
    const tail = one.name.slice(end);
    average.add(one);
    // Counters of the average itself, such as `initted` and `step`, have no twin.
    if (one.tensor.shape.length > 0) tails.push(keyOf(tail, one));
  }
  if (prefix === undefined || tails.length === 0) return undefined;
  const isTwin = tails.every((tail) => twins.has(tail)) || areNumberedTwins(all, average);
  return isTwin ? { prefix, average } : undefined;
}

/** An average that numbers the parameters of its model, as NequIP does: `ema.ema_weight_0`. */
const numbered = /\.(?:[a-z]+_)*?(\d+)$/;

/** Whether the numbers, in their order, have the shapes of tensors that stand beside them in the same order. */
function areNumberedTwins<One extends Named>(all: readonly One[], average: ReadonlySet<One>): boolean {
  const numbers = [...average].map((one) => ({ one, number: numbered.exec(one.name)?.[1] }));
  if (numbers.length < 2 || numbers.some(({ number }) => number === undefined)) return false;
  const wanted = numbers
    .sort((a, b) => Number(a.number) - Number(b.number))
    .map(({ one }) => one.tensor.shape.join());
  let met = 0;
  for (const one of all) {
    if (!average.has(one) && one.tensor.shape.join() === wanted[met]) met++;
  }
  return met === wanted.length;
}

function keyOf(tail: string, { tensor }: Named): string {
  return `${tail} ${tensor.shape.join()}`;
}

function* tailsOf(name: string): Generator<string> {
  let from = 0;
  for (let part = 0; part <= maxLeading && from >= 0; part++) {
    yield name.slice(from);
    const dot = name.indexOf(".", from);
    if (dot < 0) return;
    from = dot + 1;
  }
}
