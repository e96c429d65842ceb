export interface Fact {
  readonly name: string;
  readonly value: string;
  /** Dim, behind the value. */
  readonly note?: string | undefined;
}

export interface FactListProps {
  readonly facts: readonly Fact[];
  readonly class?: string;
}

/** Names over values, beside each other. */
export function FactList({ facts, class: more }: FactListProps) {
  return (
    <dl class={more === undefined ? "facts" : `facts ${more}`}>
      {facts.map(({ name, value, note }) => (
        <div key={name} class="fact">
          <dt>{name}</dt>
          <dd>
            <span class="fact-value">{value}</span>
            {note !== undefined && <span class="dim"> {note}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}
