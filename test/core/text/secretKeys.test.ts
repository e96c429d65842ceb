import { expect, test } from "vitest";
import { isSecret, isSecretKey, maskedSecret, maskSecretsOf } from "../../../src/core/text/secretKeys";

test.each([
  "hub_token",
  "push_to_hub_token",
  "args.hf_token",
  "api_key",
  "OPENAI_API_KEY",
  "wandb/api_key",
  "db.password",
  "aws_secret",
  "auth_token",
  "token",
  "github_token",
  "aws.secret_key",
  "x-api-key",
  "headers.Authorization",
  "refresh_token",
  "ssh_passphrase",
  "mongo_connection_string",
  "slack_webhook_url",
])("%s is a credential", (key) => expect(isSecretKey(key)).toBe(true));

test.each([
  "pad_token",
  "eos_token",
  "args.bos_token",
  "num_tokens",
  "tokenizer",
  "key",
  "secretary_count",
  "passwords_seen",
  "mask_token",
  "token_id",
  "keys_to_ignore",
])("%s is none", (key) => expect(isSecretKey(key)).toBe(false));

test.each([
  "postgres://trainer:hunter2@db.internal:5432/runs",
  "https://hooks.slack.com/services/T0/B0/x",
  "https://discord.com/api/webhooks/1/x",
  `hf_${"a".repeat(34)}`,
  `ghp_${"A1".repeat(18)}`,
])("%s is a credential whatever its name", (value) => expect(isSecret("note", value)).toBe(true));

test.each(["https://huggingface.co/a/b", "s3://bucket/run", "sk-learn", "AdamW", "a:b@c", ""])(
  "%s is none",
  (value) => expect(isSecret("note", value)).toBe(false),
);

test("masks settings at any depth and leaves everything else", () => {
  const settings = { lr: 1e-4, hub_token: "x", nested: [{ password: "y", name: "z" }], pad_token: "</s>" };
  expect(maskSecretsOf(settings)).toEqual({
    lr: 1e-4,
    hub_token: maskedSecret,
    nested: [{ password: maskedSecret, name: "z" }],
    pad_token: "</s>",
  });
});
