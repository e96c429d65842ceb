import { useState } from "preact/hooks";
import { TextField } from "../../ui/controls";

export interface ReduceNumberProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  /** Of the slider; the field takes what lies between as well. */
  readonly step: number;
  readonly integer?: boolean;
  /** What the field shows is the value times this. */
  readonly factor?: number;
  readonly unit?: string;
  /** The value in words, for who does not see the slider. */
  readonly valueText: string;
  readonly onChange: (value: number) => void;
}

/** A number to drag and to type. */
export function ReduceNumber(props: ReduceNumberProps) {
  const { label, value, min, max, step, integer = false, factor = 1, unit, valueText, onChange } = props;
  // What is typed stays as it is typed: "0." is on the way to "0.9".
  const [typed, setTyped] = useState<string | undefined>(undefined);
  const shown =
    typed !== undefined && parse(typed) === value ? typed : String(Number((value * factor).toPrecision(6)));
  const isInvalid = typed !== undefined && typed.trim() !== "" && parse(typed) === undefined;

  function parse(text: string): number | undefined {
    const number = Number(text.trim().replace(/\s*%$/, "")) / factor;
    if (text.trim() === "" || !(number >= min && number <= max)) return undefined;
    return integer && !Number.isInteger(number) ? undefined : number;
  }

  return (
    <div class="reduce-number">
      <input
        type="range"
        aria-label={label}
        aria-valuetext={valueText}
        min={min}
        max={max}
        step={step}
        value={value}
        onInput={(event) => {
          setTyped(undefined);
          onChange(Number(event.currentTarget.value));
        }}
      />
      <TextField
        class="reduce-number-field"
        label={`${label}, as a number`}
        value={isInvalid ? (typed ?? "") : shown}
        invalid={isInvalid}
        onInput={(text) => {
          setTyped(text);
          const number = parse(text);
          if (number !== undefined) onChange(number);
        }}
        end={unit === undefined ? undefined : <span class="dim">{unit}</span>}
      />
    </div>
  );
}
