import { describe, expect, it } from "vitest";
import { Channel, type Transport } from "../../src/protocol/channel";
import { type ClientCalls, connected, type End, nextTurn, type ServerCalls, wire } from "./connectedChannels";

describe("a hostile or foreign message", () => {
  it.each(["constructor", "__proto__", "toString", "hasOwnProperty", "nothing", ""])(
    "does not reach a method called %j",
    async (method) => {
      const { client } = connected();
      const calling = client.call(method as "add", { a: 1, b: 1 });
      await expect(calling).rejects.toThrow(`No method "${method}"`);
    },
  );

  it.each([
    null,
    undefined,
    "call",
    5,
    [],
    {},
    { type: "call" },
    { type: "call", id: 1 },
    { type: "call", id: 1, method: 5, params: null },
    { type: "call", id: "1", method: "add", params: { a: 1, b: 1 } },
    { type: "call", id: 1, method: { toString: () => "add" }, params: null },
    { type: "ok" },
    { type: "ok", id: "1", result: 5 },
    { type: "failed", id: 1 },
    { type: "failed", id: 1, error: null },
    { type: "failed", id: 1, error: "no" },
    { type: "failed", id: 1, error: { name: "X" } },
    { type: "else", id: 1 },
    { id: 1, method: "add" },
    { type: "cancel", id: 77 },
    { type: "ok", id: 77, result: 1 },
    { type: "failed", id: 77, error: { name: "X", message: "y" } },
  ])("is ignored: %j", async (message) => {
    const { client, server, serverEnd, clientEnd } = connected();
    const waiting = client.call("add", { a: 1, b: 2 });
    expect(() => clientEnd.receive(message)).not.toThrow();
    expect(() => serverEnd.receive(message)).not.toThrow();
    expect(await waiting).toBe(3);
    expect(await server.call("double", 2)).toBe(4);
    // One call each way with its answer, and nothing besides.
    expect([serverEnd.sent.length, clientEnd.sent.length]).toEqual([2, 2]);
  });
});

describe("a wire that fails", () => {
  function broken(fails: (message: { type: string }) => boolean) {
    const ends = wire();
    const failing = (end: End): Transport => ({
      post: (message) => {
        if (fails(message as { type: string })) throw new Error("Webview is disposed");
        end.post(message);
      },
      onMessage: (listener) => end.onMessage(listener),
    });
    const server = new Channel<ServerCalls, ClientCalls>(failing(ends.serverEnd), {
      add: ({ a, b }) => a + b,
      fail: ({ how }) => {
        throw new Error(how);
      },
      wait: () => new Promise(() => {}),
      note: () => {},
    });
    const client = new Channel<ClientCalls, ServerCalls>(failing(ends.clientEnd), {
      double: (value) => value * 2,
    });
    return { server, client };
  }

  it("fails the call, not the caller's signal nor the close after it", async () => {
    const { client } = broken(({ type }) => type === "call");
    const controller = new AbortController();
    await expect(client.call("add", { a: 1, b: 1 }, controller.signal)).rejects.toThrow(
      "Webview is disposed",
    );
    expect(() => controller.abort()).not.toThrow();
    expect(() => client.close(new Error("closed"))).not.toThrow();
  });

  it("fails a call whose parameters cannot cross", async () => {
    const { client } = connected();
    const calling = client.call("add", { a: 1, b: (() => {}) as unknown as number });
    await expect(calling).rejects.toMatchObject({ name: "DataCloneError" });
    expect(await client.call("add", { a: 1, b: 1 })).toBe(2);
  });

  it("leaves a note unheard", () => {
    const { client } = broken(() => true);
    expect(() => client.notify("note", { text: "x" })).not.toThrow();
  });

  it("still rejects a cancelled call", async () => {
    const { client } = broken(({ type }) => type === "cancel");
    const controller = new AbortController();
    const waiting = client.call("wait", null, controller.signal);
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
  });

  it("does not end the process where an answer cannot be sent", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", note);
    try {
      const { client } = broken(({ type }) => type === "ok" || type === "failed");
      void client.call("add", { a: 1, b: 1 });
      void client.call("fail", { how: "x" });
      for (let turn = 0; turn < 5; turn++) await nextTurn();
      expect(unhandled).toEqual([]);
    } finally {
      process.off("unhandledRejection", note);
    }
  });
});
