import type { MemoryContent } from "../../../support/memoryFiles";

export interface LogRow {
  readonly step?: number;
  readonly epoch?: number;
  readonly [key: string]: unknown;
}

export interface StateOptions {
  readonly step: number;
  readonly maxSteps?: number;
  readonly epochs?: number;
  readonly saveSteps?: number;
  readonly best?: string;
  readonly bestMetric?: number;
  readonly log?: readonly LogRow[];
  /** Two trainings with different seeds log different losses. */
  readonly seed?: number;
  readonly every?: number;
}

/** What a training logs up to a step: a loss every `every` steps, an evaluation every fourth time. */
export function trainingLog(step: number, { seed = 1, every = 10 } = {}): LogRow[] {
  const rows: LogRow[] = [];
  for (let at = every; at <= step; at += every) {
    const loss = 5 / Math.sqrt(at) + seed / 1000;
    rows.push({ epoch: at / 100, grad_norm: 1 + seed, learning_rate: 1e-4, loss, step: at });
    if (at % (4 * every) === 0)
      rows.push({ epoch: at / 100, eval_loss: loss + 0.5, eval_runtime: 2, step: at });
  }
  return rows;
}

/** A trainer_state.json as the Trainer writes it: keys in alphabetical order, indented by two. */
export function trainerState(options: StateOptions): string {
  const { step, maxSteps = 1000, epochs = 1, saveSteps = 100, best = null, bestMetric = null } = options;
  const { seed = 1, every = 10, log = trainingLog(step, { seed, every }) } = options;
  const state = {
    best_metric: bestMetric,
    best_model_checkpoint: best,
    epoch: step / 100,
    eval_steps: 40,
    global_step: step,
    log_history: log,
    logging_steps: every,
    max_steps: maxSteps,
    num_train_epochs: epochs,
    save_steps: saveSteps,
    total_flos: 1e15,
    train_batch_size: 8,
  };
  return `${JSON.stringify(state, undefined, 2)}\n`;
}

export function adapterConfig(extra: Readonly<Record<string, unknown>> = {}): string {
  const config = { peft_type: "LORA", r: 8, lora_alpha: 16, target_modules: ["c_attn"], ...extra };
  return JSON.stringify(config);
}

/** Weights of any size that no test may read. */
export const weights: MemoryContent = { bulk: 1000 };

/** A checkpoint folder of a PEFT training, complete. */
export function peftCheckpoint(
  folder: string,
  state: StateOptions,
  config: Readonly<Record<string, unknown>> = {},
): Record<string, MemoryContent> {
  return {
    [`${folder}/adapter_model.safetensors`]: weights,
    [`${folder}/adapter_config.json`]: adapterConfig(config),
    [`${folder}/optimizer.pt`]: { bulk: 2000 },
    [`${folder}/scheduler.pt`]: { bulk: 10 },
    [`${folder}/rng_state.pth`]: { bulk: 10 },
    [`${folder}/trainer_state.json`]: trainerState(state),
  };
}
