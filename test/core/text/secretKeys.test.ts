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
  ...["HUGGINGFACE_TOKEN", "env.MLFLOW_TRACKING_TOKEN", "npm_token", "personal_access_token", "ci_job_token"],
  ...[
    "wandb_key",
    "AZURE_STORAGE_KEY",
    "ssh_key",
    "license_key",
    "secretAccessKey",
    "apiKey",
    "clientSecret",
  ],
  ...[
    "db_pass",
    "REDIS_PWD",
    "PGPASSWORD",
    "headers.Cookie",
    "set-cookie",
    "jwt",
    "SENTRY_DSN",
    "teams_webhook",
  ],
  ...["Proxy-Authorization", "GOOGLE_APPLICATION_CREDENTIALS", "sas_token", "vault_token", "OAUTH2_TOKEN"],
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
  ...[
    "user_token",
    "image_token",
    "decoder_start_token",
    "sort_key",
    "storage_key",
    "cookiecutter",
    "bypass",
    "pwd",
  ],
])("%s is none", (key) => expect(isSecretKey(key)).toBe(false));

test.each([
  "postgres://trainer:hunter2@db.internal:5432/runs",
  "https://hooks.slack.com/services/T0/B0/x",
  "https://discord.com/api/webhooks/1/x",
  `hf_${"a".repeat(34)}`,
  `ghp_${"A1".repeat(18)}`,
  `glpat-${"a1".repeat(10)}`,
  `sk-proj-${"a1_".repeat(20)}`,
  `AIza${"Sy".repeat(17)}`,
  `ASIA${"Z".repeat(16)}`,
  `npm_${"a".repeat(36)}`,
  `SG.${"a".repeat(22)}.${"b".repeat(43)}`,
  `eyJ${"a".repeat(20)}.eyJ${"b".repeat(20)}.c`,
  `123456789:${"A".repeat(35)}`,
  "Basic dXNlcjpwYXNz",
  `https://ghp_${"a".repeat(36)}@github.com/me/private.git`,
  "https://account.blob.core.windows.net/c/b?sv=2024&sig=abcdefgh%3D",
  "https://bucket.s3.amazonaws.com/x?X-Amz-Signature=0123abcd",
  "jdbc:postgresql://db/runs?user=me&password=hunter2",
  "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=abcd==;EndpointSuffix=x",
  "host=db user=me password=hunter2",
  "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl",
])("%s is a credential whatever its name", (value) => expect(isSecret("note", value)).toBe(true));

test.each([
  "https://huggingface.co/a/b",
  "s3://bucket/run",
  "sk-learn",
  "AdamW",
  "a:b@c",
  "",
  "https://me@host/x?page=token",
  "hf_dataset",
  "Bearer of news",
])("%s is none", (value) => expect(isSecret("note", value)).toBe(false));

test("a name of many words is asked about once, not from each of them", () => {
  expect(isSecretKey(`${"class_path".repeat(100_000)}`)).toBe(false);
  expect(isSecretKey(`${"class_path".repeat(100_000)}.api_key`)).toBe(true);
});

test("masks settings at any depth and leaves everything else", () => {
  const settings = { lr: 1e-4, hub_token: "x", nested: [{ password: "y", name: "z" }], pad_token: "</s>" };
  expect(maskSecretsOf(settings)).toEqual({
    lr: 1e-4,
    hub_token: maskedSecret,
    nested: [{ password: maskedSecret, name: "z" }],
    pad_token: "</s>",
  });
});
