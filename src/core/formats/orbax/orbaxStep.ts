/** A folder that Orbax writes and renames in the end. */
const temporaryEnding = /\.orbax-checkpoint-tmp(?:-\d+)?$/;

export interface OrbaxStep {
  readonly step: number;
  /** It was still being written. */
  readonly temporary: boolean;
}

/** `300` and `ckpt_00000300`: what Orbax' `CheckpointManager` calls a step, with any prefix. */
export function parseOrbaxStep(name: string): OrbaxStep | undefined {
  const digits = /^(?:.*_)?(\d{1,15})$/s.exec(name.replace(temporaryEnding, ""))?.[1];
  return digits === undefined ? undefined : { step: Number(digits), temporary: isOrbaxTemporary(name) };
}

export function isOrbaxTemporary(name: string): boolean {
  return temporaryEnding.test(name);
}
