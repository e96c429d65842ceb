import { isSecret, maskedSecret } from "../../../text/secretKeys";
import type { ConfigRow } from "../logFormat";

/** A table is shown on screens and in screenshots: values that look like credentials are masked. */
export function maskSecrets(rows: readonly ConfigRow[]): readonly ConfigRow[] {
  return rows.map(([key, value]) =>
    isSecret(key, value) && !/^(?:none|null)?$/i.test(value) ? [key, maskedSecret] : [key, value],
  );
}
