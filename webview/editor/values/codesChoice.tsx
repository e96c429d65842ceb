export interface CodesChoiceProps {
  readonly label: string;
  readonly ofCodes: boolean;
  readonly onChoose: (ofCodes: boolean) => void;
}

/** The choice between what a packed weight stands for and what is stored of it. */
export function CodesChoice({ label, ofCodes, onChoose }: CodesChoiceProps) {
  return (
    <fieldset class="segments" aria-label={label}>
      {[false, true].map((codes) => (
        <button
          key={String(codes)}
          type="button"
          class="chip"
          aria-pressed={ofCodes === codes}
          onClick={() => onChoose(codes)}
        >
          {codes ? "Stored codes" : "Dequantised"}
        </button>
      ))}
    </fieldset>
  );
}
