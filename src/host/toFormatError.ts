import { FormatError } from "../core/formats/formatError";

/** Whatever was thrown, as an error that can be shown. */
export function toFormatError(error: unknown): FormatError {
  if (error instanceof FormatError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code =
    error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "Failed";
  return new FormatError(code, code === "EACCES" ? "You have no permission to read this file." : message);
}
