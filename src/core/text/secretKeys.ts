/**
 * Names of settings whose values are credentials. They are masked: tables are shown on screens and in
 * screenshots. `pad_token` and its like are words of a tokenizer and stay.
 */
const secretKey =
  /(?:^|[._/-])(?:(?:hub|hf|auth|access|api|bearer)_?token|\w*(?:api_?key|access_?key|private_?key|password|passwd|secret|credentials?)|wandb_key)$|(?:^|[./])token$/i;

export function isSecretKey(key: string): boolean {
  return secretKey.test(key);
}

export const maskedSecret = "••••••••";
