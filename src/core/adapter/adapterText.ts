/** PEFT's method names as their authors spell them. */
const spellings: ReadonlyMap<string, string> = new Map([
  ["LORA", "LoRA"],
  ["ADALORA", "AdaLoRA"],
  ["LOHA", "LoHa"],
  ["LOKR", "LoKr"],
  ["VERA", "VeRA"],
  ["IA3", "IA³"],
  ["SVD", "SVD-factor"],
]);

export function methodName(method: string): string {
  return spellings.get(method) ?? method;
}

/** "8" where all are equal, else "4–16". */
export function rangeText(values: readonly number[]): string {
  const low = values.reduce((smallest, value) => Math.min(smallest, value), Number.POSITIVE_INFINITY);
  const high = values.reduce((largest, value) => Math.max(largest, value), Number.NEGATIVE_INFINITY);
  const text = (value: number) => String(Number(value.toPrecision(6)));
  return low === high ? text(low) : `${text(low)}–${text(high)}`;
}
