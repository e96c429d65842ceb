/** Icons that only charts need, drawn like those of ui/icon: a grid of 16 and a line of 1.2. */
const shapes = {
  chart: "M2.5 2.5v11h11M4.5 10.5l3-4 2.5 2.5 3.5-5",
  resetZoom: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10M5.5 8h5",
  save: "M8 2v7.5M5 6.8l3 3 3-3M2.5 10.5v3h11v-3",
  smooth: "M1.5 10.5c2.5 0 2.5-5 5-5s2.5 5 5 5c1.5 0 2-1 3-2.5",
} as const;

export function ChartIcon({ name }: { readonly name: keyof typeof shapes }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={shapes[name]} />
    </svg>
  );
}
