/** Our own icons, drawn on a grid of 16 with a line of 1.2, in the colour of the text around them. */
const shapes = {
  chevronRight: "M6 3.5 10.5 8 6 12.5",
  chevronDown: "M3.5 6 8 10.5 12.5 6",
  chevronUp: "M3.5 10 8 5.5 12.5 10",
  arrowUp: "M8 13V3.5M4 7.5l4-4 4 4",
  arrowDown: "M8 3v9.5M4 8.5l4 4 4-4",
  error: "M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8ZM5.7 5.7l4.6 4.6M10.3 5.7l-4.6 4.6",
  warning: "M8 2 14.5 13.6h-13ZM8 6.3v3.6M8 11.4v.9",
  info: "M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8ZM8 7.2v4M8 4.8v1",
  check: "M2.8 8.6 6.2 12l7-8",
  close: "m3.8 3.8 8.4 8.4M12.2 3.8l-8.4 8.4",
  copy: "M5.5 5.5h8v8h-8ZM10.5 5.5v-3h-8v8h3",
  refresh: "M13.2 8A5.2 5.2 0 1 1 11 3.7L13.4 6M13.4 2.4V6H9.8",
  search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9ZM10.4 10.4l3.4 3.4",
  file: "M4 1.8h5.2L12.5 5v9.2h-8.5ZM9 1.8V5.2h3.5",
  folder: "M1.8 4h4.7l1.5 1.8h6.2v7.2H1.8Z",
  tensor: "M3 3h10v10H3ZM3 6.3h10M3 9.7h10M6.3 3v10M9.7 3v10",
  tree: "M3 3.5h4M6 8h7M6 12.5h7M4.2 3.5v9H6M4.2 8H6",
  table: "M2.5 3h11v10h-11ZM2.5 6.3h11M2.5 9.7h11M6.5 3v10",
  expandAll: "M2.5 5.5h8v8h-8ZM5.5 5.5v-3h8v8h-3M6.5 7.5v4M4.5 9.5h4",
  collapseAll: "M2.5 5.5h8v8h-8ZM5.5 5.5v-3h8v8h-3M4.5 9.5h4",
  compare: "M2.5 3h4.5v10H2.5ZM9 3h4.5v10H9Z",
  tag: "M2.5 2.5h5l6 6-5 5-6-6ZM5.3 5.3h.01",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  swap: "M2.5 5.5h11M10.5 2.5l3 3-3 3M13.5 10.5h-11M5.5 7.5l-3 3 3 3",
  add: "M8 3v10M3 8h10",
  enlarge: "M9.5 2.5h4v4M13.5 2.5l-5 5M6.5 13.5h-4v-4M2.5 13.5l5-5",
  restore: "M13 6.5H9.5V3M9.5 6.5l4-4M3 9.5h3.5V13M6.5 9.5l-4 4",
  export: "M8 2.5v7.5M4.8 7l3.2 3.2L11.2 7M2.5 13.5h11",
} as const;

export type IconName = keyof typeof shapes;

export interface IconProps {
  readonly name: IconName;
  /** What it says to someone who does not see it. Without it the icon is an ornament. */
  readonly label?: string | undefined;
  readonly class?: string | undefined;
}

export function Icon({ name, label, class: className = "" }: IconProps) {
  const path = <path d={shapes[name]} />;
  return label === undefined ? (
    <svg class={`icon ${className}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      {path}
    </svg>
  ) : (
    <svg class={`icon ${className}`} viewBox="0 0 16 16" role="img" aria-label={label} focusable="false">
      <title>{label}</title>
      {path}
    </svg>
  );
}
