/** Of a row in every table and list, in pixels; `--row` in tokens.css draws them so. */
export const rowHeight = 22;
