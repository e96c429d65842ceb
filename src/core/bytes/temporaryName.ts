/** The name that a file or folder goes by while it is being written: who writes it, and a text that nobody else has. */
export interface TemporaryName {
  readonly finished: string;
  /** Six letters that tell the machines of a shared disk apart. */
  readonly machine: string;
  readonly pid: number;
}

export function temporaryName(
  { finished, machine, pid }: TemporaryName,
  unique: string,
  ending: string,
): string {
  return `${finished}.${machine}-${pid}-${unique}.tmp${ending}`;
}

/** Undefined for any other name. Of what bears one nobody knows whether it is whole. */
export function parseTemporaryName(name: string): TemporaryName | undefined {
  const parts = /^(.+)\.([0-9a-f]{6})-(\d{1,10})-[0-9a-f]{12}\.tmp(?:\.[^./\\]+)?$/.exec(name);
  const [, finished, machine, pid] = parts ?? [];
  if (finished === undefined || machine === undefined) return undefined;
  return { finished, machine, pid: Number(pid) };
}
