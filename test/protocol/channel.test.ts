import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../src/core/problem/checkpointError";
import { Channel, isAbortError, type NoCalls } from "../../src/protocol/channel";
import { connected, nextTurn, wire } from "./connectedChannels";

describe("Channel", () => {
  it("answers calls in both directions, several at a time, each with its own answer", async () => {
    const { client, server } = connected();
    const sums = [1, 2, 3].map((a) => client.call("add", { a, b: 10 }));
    expect(await server.call("double", 21)).toBe(42);
    expect(await Promise.all(sums)).toEqual([11, 12, 13]);
  });

  it("waits for handlers that take time, and lets others overtake", async () => {
    let release: (text: string) => void = () => {};
    const { client } = connected({
      wait: () =>
        new Promise((resolve) => {
          release = resolve;
        }),
    });
    const order: string[] = [];
    const waiting = client.call("wait", null).then((text) => order.push(text));
    await client.call("add", { a: 1, b: 1 }).then(() => order.push("added"));
    release("waited");
    await waiting;
    expect(order).toEqual(["added", "waited"]);
  });

  it("carries code, offset and file of a CheckpointError, which is one again on arrival", async () => {
    const { client } = connected({
      fail: () => {
        throw new CheckpointError("InvalidOffset", "Bad.", 2 ** 40, "/m/a.safetensors");
      },
    });
    const error: unknown = await client.call("fail", { how: "" }).catch((reason) => reason);
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error).toMatchObject({
      name: "CheckpointError",
      code: "InvalidOffset",
      message: "Bad.",
      offset: 2 ** 40,
      file: "/m/a.safetensors",
    });
    expect((error as CheckpointError).toProblem()).toEqual({
      severity: "error",
      code: "InvalidOffset",
      message: "Bad.",
      offset: 2 ** 40,
      file: "/m/a.safetensors",
    });
  });

  it("leaves out what a CheckpointError does not have", async () => {
    const { client } = connected({
      fail: () => Promise.reject(new CheckpointError("NoWeights", "None.")) as never,
    });
    const error = (await client.call("fail", { how: "" }).catch((reason) => reason)) as CheckpointError;
    expect(error.toProblem()).toEqual({ severity: "error", code: "NoWeights", message: "None." });
  });

  it("carries name, message and code of other errors, and never a stack trace", async () => {
    const failure = Object.assign(new TypeError("No such file"), { code: "ENOENT", errno: -2, path: "/x" });
    const { client, serverEnd } = connected({
      fail: () => {
        throw failure;
      },
    });
    const error: unknown = await client.call("fail", { how: "" }).catch((reason) => reason);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: "TypeError", message: "No such file", code: "ENOENT" });
    expect(serverEnd.sent).toEqual([
      { type: "failed", id: 1, error: { name: "TypeError", message: "No such file", code: "ENOENT" } },
    ]);
  });

  it("carries what was thrown that is no error", async () => {
    const { client } = connected({ fail: () => Promise.reject("just text") as never });
    await expect(client.call("fail", { how: "" })).rejects.toMatchObject({
      name: "Error",
      message: "just text",
    });
  });

  it("fails a call whose result cannot cross", async () => {
    const { client } = connected({ wait: () => (() => {}) as never });
    await expect(client.call("wait", null)).rejects.toMatchObject({ name: "DataCloneError" });
  });

  it("tells without waiting, and has no answer to what is only told", async () => {
    const { client, notes, serverEnd } = connected();
    client.notify("note", { text: "hello" });
    client.notify("fail", { how: "nobody hears this" });
    await client.call("add", { a: 1, b: 1 });
    expect(notes).toEqual(["hello"]);
    expect(serverEnd.sent).toHaveLength(1);
  });
});

describe("cancelling a call", () => {
  it("rejects at once and reaches the handler's signal", async () => {
    let heard: AbortSignal | undefined;
    const { client, serverEnd } = connected({
      wait: (_params, signal) => {
        heard = signal;
        return new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Error("stopped")));
        });
      },
    });
    const controller = new AbortController();
    const waiting = client.call("wait", null, controller.signal);
    await nextTurn();
    expect(heard?.aborted).toBe(false);
    controller.abort();
    const error: unknown = await waiting.catch((reason) => reason);
    expect(isAbortError(error)).toBe(true);
    await nextTurn();
    expect(heard?.aborted).toBe(true);
    await nextTurn();
    // Nobody waits any more, so that nothing is sent.
    expect(serverEnd.sent).toEqual([]);
  });

  it("ignores an answer that is already on its way", async () => {
    const { client } = connected();
    const controller = new AbortController();
    const adding = client.call("add", { a: 1, b: 1 }, controller.signal);
    controller.abort();
    await expect(adding).rejects.toMatchObject({ name: "AbortError" });
    expect(await client.call("add", { a: 2, b: 2 })).toBe(4);
  });

  it("asks nothing of the other side when it comes before the call", async () => {
    const { client, clientEnd } = connected();
    await expect(client.call("add", { a: 1, b: 1 }, AbortSignal.abort())).rejects.toMatchObject({
      name: "AbortError",
    });
    expect(clientEnd.sent).toEqual([]);
  });

  it("does nothing after the answer", async () => {
    const { client, clientEnd } = connected();
    const controller = new AbortController();
    expect(await client.call("add", { a: 1, b: 1 }, controller.signal)).toBe(2);
    controller.abort();
    expect(clientEnd.sent).toHaveLength(1);
  });

  it("leaves no listener on the caller's signal, however the call ended", async () => {
    const { client, server } = connected();
    const { signal } = new AbortController();
    let listening = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listening++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listening--;
      remove(...args);
    };
    await client.call("add", { a: 1, b: 1 }, signal);
    expect(listening).toBe(0);
    await client.call("fail", { how: "x" }, signal).catch(() => {});
    expect(listening).toBe(0);
    await client.call("add", (() => {}) as never, signal).catch(() => {});
    expect(listening).toBe(0);
    const waiting = client.call("wait", null, signal).catch(() => {});
    expect(listening).toBe(1);
    client.close(new Error("closed"));
    await waiting;
    expect(listening).toBe(0);
    server.close(new Error("closed"));
  });

  it("concerns only its own call", async () => {
    const signals: AbortSignal[] = [];
    const { client } = connected({
      wait: (_params, signal) => {
        signals.push(signal);
        return new Promise(() => {});
      },
    });
    const controller = new AbortController();
    const stopped = client.call("wait", null, controller.signal);
    void client.call("wait", null).catch(() => {});
    await nextTurn();
    controller.abort();
    await expect(stopped).rejects.toMatchObject({ name: "AbortError" });
    await nextTurn();
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  });
});

describe("closing a channel", () => {
  it("rejects what waits with the reason, and all that comes later", async () => {
    const { client, clientEnd } = connected();
    const waiting = client.call("wait", null);
    client.close(new Error("The thread ended"));
    await expect(waiting).rejects.toThrow("The thread ended");
    await expect(client.call("add", { a: 1, b: 1 })).rejects.toThrow("The thread ended");
    client.notify("note", { text: "too late" });
    expect(clientEnd.sent).toHaveLength(1);
  });

  it("cancels what runs, and answers nothing more", async () => {
    let heard: AbortSignal | undefined;
    let release: (text: string) => void = () => {};
    const { client, server, serverEnd, notes } = connected({
      wait: (_params, signal) => {
        heard = signal;
        return new Promise((resolve) => {
          release = resolve;
        });
      },
    });
    void client.call("wait", null).catch(() => {});
    await nextTurn();
    server.close(new Error("The page is gone"));
    expect(heard?.aborted).toBe(true);
    release("late");
    serverEnd.receive({ type: "call", id: 9, method: "add", params: { a: 1, b: 1 } });
    serverEnd.receive({ type: "call", id: 0, method: "note", params: { text: "late" } });
    await nextTurn();
    expect(serverEnd.sent).toEqual([]);
    expect(notes).toEqual([]);
  });
});

describe("what is said before the answer", () => {
  interface SlowCalls {
    sum(params: { readonly of: readonly number[] }, chunk: number): number;
  }
  const open = (signal?: AbortSignal) => {
    const { clientEnd, serverEnd } = wire();
    let hold: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      hold = resolve;
    });
    new Channel<SlowCalls, NoCalls>(serverEnd, {
      sum: async ({ of }, _signal, tell) => {
        for (const [at, value] of of.entries()) {
          tell.progress(at + 1, of.length, "Adding");
          tell.chunk(value);
        }
        await held;
        tell.progress(9, 9);
        return of.reduce((sum, value) => sum + value, 0);
      },
    });
    const client = new Channel<NoCalls, SlowCalls>(clientEnd, {});
    const heard: unknown[] = [];
    const answer = client.call("sum", { of: [5, 7] }, signal, {
      onProgress: (progress) => heard.push(progress),
      onChunk: (chunk) => heard.push(chunk),
    });
    return { hold, heard, answer };
  };

  it("comes in its order, to the one who called", async () => {
    const { hold, heard, answer } = open();
    hold();
    expect(await answer).toBe(12);
    expect(heard).toEqual([
      { done: 1, total: 2, label: "Adding" },
      5,
      { done: 2, total: 2, label: "Adding" },
      7,
      { done: 9, total: 9, label: "" },
    ]);
  });

  it("is not heard by one who has given up", async () => {
    const controller = new AbortController();
    const { hold, heard, answer } = open(controller.signal);
    controller.abort();
    hold();
    await expect(answer).rejects.toThrow("Cancelled");
    await nextTurn();
    await nextTurn();
    expect(heard).toEqual([]);
  });
});
