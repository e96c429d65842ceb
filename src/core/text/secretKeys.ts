/** Tokens that open something, unlike `pad_token` and its like, which are words of a tokenizer. */
const token =
  "(?:hub|hf|auth|access|api|bearer|github|gh|gitlab|refresh|session|oauth|slack|bot|client|security|deploy)[_-]?token";
const keyOrPassword =
  "\\w*(?:(?:api|access|private|secret|encryption|signing|account)[_-]?key|passw(?:or)?d|passphrase|secret|credentials?)";
const address = "\\w*(?:conn(?:ection)?[_-]?str(?:ing)?|webhook(?:[_-]?url)?)|dsn";
const header = "x-api-key|(?:proxy-)?authorization|bearer|wandb_key";

/**
 * Names of settings whose values are credentials. They are masked: tables are shown on screens and in
 * screenshots.
 */
const secretKey = new RegExp(
  `(?:^|[._/-])(?:${token}|${keyOrPassword}|${address}|${header})$|(?:^|[./])token$`,
  "i",
);

/** Values that are credentials whatever their name is. The user of an address is no secret, its password is. */
const secretValue =
  /^(?:hf_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|sk-[\w-]{20,}|xox[abprs]-[\w-]{10,}|AKIA[A-Z0-9]{16}|Bearer\s+\S{8,})$|^[a-z][a-z0-9+.-]{0,30}:\/\/[^\s/@:]{0,200}:[^\s/@]{1,200}@|^https:\/\/(?:hooks\.slack\.com\/|discord(?:app)?\.com\/api\/webhooks\/|[\w-]+\.webhook\.office\.com\/)|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----/;

export function isSecretKey(key: string): boolean {
  return secretKey.test(key);
}

/** The value of a setting is a credential, by its name or by what it looks like. An empty one tells nothing. */
export function isSecret(key: string, value: string): boolean {
  return value !== "" && (isSecretKey(key) || secretValue.test(value));
}

export const maskedSecret = "••••••••";

/** Plain data with its credentials masked. */
export function maskSecretsOf(value: unknown, key = ""): unknown {
  if (typeof value === "string") return isSecret(key, value) ? maskedSecret : value;
  if (Array.isArray(value)) return value.map((member) => maskSecretsOf(member, key));
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, maskSecretsOf(member, name)]),
  );
}
