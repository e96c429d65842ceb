import { expect, test } from "vitest";
import { isSecretKey } from "../../../src/core/text/secretKeys";

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
])("%s is none", (key) => expect(isSecretKey(key)).toBe(false));
