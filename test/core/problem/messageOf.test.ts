import { expect, it } from "vitest";
import { messageOf } from "../../../src/core/problem/messageOf";

it.each([
  ["ENOSPC", "ENOSPC: no space left on device, write", "The disk has no room left for it (ENOSPC: no space"],
  ["EROFS", "EROFS: read-only file system, mkdir", "The disk is read-only (EROFS: read-only file system"],
  ["EACCES", "EACCES: permission denied", "EACCES: permission denied"],
])("says why a disk took nothing more: %s", (code, message, wanted) => {
  expect(messageOf(Object.assign(new Error(message), { code }))).toContain(wanted);
});
