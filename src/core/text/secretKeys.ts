/** Tokens that open something, unlike `pad_token` and its like, which are words of a tokenizer. */
const token =
  "(?:hub|hf|hugging_?face|auth|access|api|bearer|git(?:hub|lab|ea)?|gh|refresh|session|oauth2?|slack|bot|client|" +
  "security|deploy|tracking|npm|pypi|sas|jwt|[cx]srf|telegram|discord|jupyter|notebook|job|runner|registry|secret|" +
  "personal|service|wandb|comet|neptune|clearml|openai|replicate|databricks|vault|azure|aws|gcp|s3)[_-]?token";
const keyOrPassword =
  "\\w*(?:(?:api|access|private|secret|encryption|signing|account|ssh|subscription|license)[_-]?key|" +
  "passw(?:or)?d|passphrase|secret|credentials?)|" +
  "(?:wandb|comet|openai|anthropic|azure[_-]?storage|master)[_-]?key|" +
  "(?:db|user|admin|root|smtp|ftp|mysql|redis|postgres)[_-]?(?:pass|pwd)";
const address = "\\w*(?:conn(?:ection)?[_-]?str(?:ing)?|webhook(?:[_-]?url)?)|(?:\\w*_)?dsn";
const header = "x-api-key|(?:proxy-)?authorization|bearer|(?:set-)?cookie|jwt";

/**
 * Names of settings whose values are credentials. They are masked: tables are shown on screens and in
 * screenshots.
 */
const secretKey = new RegExp(
  `(?:^|[._/-])(?:${token}|${keyOrPassword}|${address}|${header})$|(?:^|[./])token$`,
  "i",
);

/** Tokens by the beginnings that their services gave them so that they are found. */
const knownToken = [
  "(?:hf|api_org|gh[pousr]|npm|r8|gsk|shpat|dop_v1|dckr_pat|lin_api|rpa|[sr]k_(?:live|test))_[A-Za-z0-9]{20,}",
  "github_pat_\\w{20,}",
  "(?:gl(?:pat|ptt|dt|rt|cbt|soat)|sk|pplx|xai|nvapi|GOCSPX|pypi)-[\\w-]{20,}",
  "x(?:ox[abeprs]|app)-[\\w-]{10,}",
  "A[KS]IA[A-Z0-9]{16}",
  "AIza[\\w-]{30,}",
  "(?:ya29|hvs|SG)\\.[\\w.-]{20,}",
  "dapi[0-9a-f]{32}(?:-\\d)?",
  "eyJ[\\w-]{10,}\\.eyJ[\\w-]{5,}\\.[\\w-]*",
  "AGE-SECRET-KEY-1[A-Z0-9]{20,}",
  "\\d{8,10}:[\\w-]{35}",
  "(?:Bearer|Basic)\\s+[^\\s]{8,}",
].join("|");

/** Values that are credentials whatever their name is. The user of an address is no secret, its password is. */
const secretValue = new RegExp(
  [
    `^(?:${knownToken})$`,
    `^[a-z][a-z0-9+.-]{0,30}://(?:[^\\s/@:]{0,200}:[^\\s/@]{1,200}|${knownToken})@`,
    "^https://(?:hooks\\.slack\\.com/|discord(?:app)?\\.com/api/webhooks/|[\\w-]+\\.webhook\\.office\\.com/)",
    "[?&;](?:access_token|api_?key|auth_?token|token|sig|signature|X-Amz-Signature|X-Goog-Signature|password|pwd)=[^&\\s]{4}",
    "(?:^|[;\\s])(?:AccountKey|SharedAccessKey|SharedAccessSignature|password|pwd)\\s{0,3}=\\s{0,3}[^;\\s]{3}",
    "-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----",
  ].join("|"),
  "i",
);

/**
 * No credential is longer before it is known for one, and no name of one after its last dot. Texts of a megabyte are
 * asked about by the thousand, and a name of many words would be tried from each.
 */
const lookedAt = 500;
const lookedAtOfKey = 100;

export function isSecretKey(key: string): boolean {
  return secretKey.test(key.slice(-lookedAtOfKey));
}

/** The value of a setting is a credential, by its name or by what it looks like. An empty one tells nothing. */
export function isSecret(key: string, value: string): boolean {
  return value !== "" && (isSecretKey(key) || secretValue.test(value.slice(0, lookedAt)));
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
