/**
 * A character-level language model small enough to be trained in plain JavaScript while a test waits: an embedding of
 * the last characters, one hidden layer, AdamW. Gradients are written out by hand.
 */

const text =
  "a checkpoint is a snapshot of a model at a moment of training. it holds parameters, the state of the optimizer and " +
  "the progress. people save one every few steps, so that a failure loses little. they ask which is best, which can go " +
  "and whether the last one is whole. ";

const alphabet = [...new Set(text)].sort();
const context = 4;
const embedding = 6;
const hidden = 24;
const batch = 32;

export interface Parameter {
  readonly name: string;
  readonly shape: readonly [number, number];
  readonly value: Float32Array;
  readonly gradient: Float32Array;
  /** AdamW's moments. */
  readonly expAvg: Float32Array;
  readonly expAvgSq: Float32Array;
}

export interface StepResult {
  /** Mean cross-entropy of the batch, in nats. */
  readonly loss: number;
  readonly gradNorm: number;
}

/** The same numbers for the same seed on every machine (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class TinyModel {
  readonly parameters: readonly Parameter[];
  private readonly embed: Parameter;
  private readonly up: Parameter;
  private readonly head: Parameter;
  private readonly codes = [...text].map((character) => alphabet.indexOf(character));
  /** The last fifth is kept for the evaluation. */
  private readonly trained = Math.floor(this.codes.length * 0.8);

  constructor(seed: number) {
    const random = seededRandom(seed);
    const make = (name: string, rows: number, columns: number): Parameter => {
      const size = rows * columns;
      const value = Float32Array.from({ length: size }, () => (random() - 0.5) * (2 / Math.sqrt(columns)));
      const [gradient, expAvg, expAvgSq] = [0, 1, 2].map(() => new Float32Array(size));
      return {
        name,
        shape: [rows, columns],
        value,
        gradient: gradient as Float32Array,
        expAvg: expAvg as Float32Array,
        expAvgSq: expAvgSq as Float32Array,
      };
    };
    this.embed = make("model.embed_tokens.weight", alphabet.length, embedding);
    this.up = make("model.layers.0.mlp.up_proj.weight", hidden, context * embedding);
    this.head = make("lm_head.weight", alphabet.length, hidden);
    this.parameters = [this.embed, this.up, this.head];
  }

  /** One step of AdamW on a batch drawn by `random`. */
  train(step: number, learningRate: number, random: () => number): StepResult {
    for (const { gradient } of this.parameters) gradient.fill(0);
    let loss = 0;
    for (let sample = 0; sample < batch; sample++) {
      const at = context + Math.floor(random() * (this.trained - context));
      loss += this.forward(at, 1 / batch);
    }
    let squares = 0;
    for (const { gradient } of this.parameters) for (const value of gradient) squares += value * value;
    for (const parameter of this.parameters) adamStep(parameter, step, learningRate);
    return { loss: loss / batch, gradNorm: Math.sqrt(squares) };
  }

  evaluate(): number {
    let loss = 0;
    let count = 0;
    for (let at = this.trained + context; at < this.codes.length; at++, count++) loss += this.forward(at, 0);
    return loss / count;
  }

  /** The loss of predicting the character at `at`; adds the gradient of `weight` times it. */
  private forward(at: number, weight: number): number {
    const input = new Float64Array(context * embedding);
    for (let back = 0; back < context; back++) {
      const code = this.codes[at - 1 - back] ?? 0;
      for (let k = 0; k < embedding; k++)
        input[back * embedding + k] = this.embed.value[code * embedding + k] ?? 0;
    }
    const active = multiply(this.up, input).map(Math.tanh);
    const logits = multiply(this.head, active);
    const largest = Math.max(...logits);
    const exponentials = logits.map((value) => Math.exp(value - largest));
    const sum = exponentials.reduce((a, b) => a + b, 0);
    const target = this.codes[at] ?? 0;
    if (weight > 0) {
      const error = exponentials.map((value, code) => weight * (value / sum - Number(code === target)));
      const toActive = backward(this.head, active, error);
      const toInput = backward(
        this.up,
        input,
        toActive.map((value, index) => value * (1 - (active[index] ?? 0) ** 2)),
      );
      for (let back = 0; back < context; back++) {
        const row = (this.codes[at - 1 - back] ?? 0) * embedding;
        for (let k = 0; k < embedding; k++)
          addTo(this.embed.gradient, row + k, toInput[back * embedding + k] ?? 0);
      }
    }
    return Math.log(sum) + largest - (logits[target] ?? 0);
  }
}

function multiply({ shape: [rows, columns], value }: Parameter, input: Float64Array): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (let k = 0; k < columns; k++) sum += (value[row * columns + k] ?? 0) * (input[k] ?? 0);
    return sum;
  });
}

/** Adds to the gradient of the weights; gives that of the input. */
function backward(
  { shape: [rows, columns], value, gradient }: Parameter,
  input: Float64Array,
  error: Float64Array,
): Float64Array {
  const toInput = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    const share = error[row] ?? 0;
    for (let k = 0; k < columns; k++) {
      addTo(gradient, row * columns + k, share * (input[k] ?? 0));
      toInput[k] = (toInput[k] ?? 0) + share * (value[row * columns + k] ?? 0);
    }
  }
  return toInput;
}

function adamStep(parameter: Parameter, step: number, learningRate: number): void {
  const { value, gradient, expAvg, expAvgSq } = parameter;
  const [beta1, beta2] = [0.9, 0.999];
  for (let index = 0; index < value.length; index++) {
    const slope = gradient[index] ?? 0;
    expAvg[index] = beta1 * (expAvg[index] ?? 0) + (1 - beta1) * slope;
    expAvgSq[index] = beta2 * (expAvgSq[index] ?? 0) + (1 - beta2) * slope * slope;
    const mean = (expAvg[index] ?? 0) / (1 - beta1 ** step);
    const variance = (expAvgSq[index] ?? 0) / (1 - beta2 ** step);
    addTo(value, index, -learningRate * (mean / (Math.sqrt(variance) + 1e-8) + 0.01 * (value[index] ?? 0)));
  }
}

function addTo(array: Float32Array, index: number, amount: number): void {
  array[index] = (array[index] ?? 0) + amount;
}
