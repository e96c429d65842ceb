/** How folders begin in which an analysis process keeps its compiled code, one a version. */
export const compiledPrefix = "compiled-";
