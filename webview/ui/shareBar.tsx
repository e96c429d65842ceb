/** A share of a whole as a bar. An ornament: the number beside it says the same. */
export function ShareBar({ share }: { readonly share: number }) {
  return (
    <span class="bar" aria-hidden="true">
      <span class="bar-fill" style={{ width: `${Math.min(1, Math.max(0, share)) * 100}%` }} />
    </span>
  );
}
