import { Channel, type Handlers, type Transport } from "../../src/protocol/channel";

export interface ServerCalls {
  add(params: { readonly a: number; readonly b: number }): number;
  fail(params: { readonly how: string }): never;
  wait(params: null): string;
  note(params: { readonly text: string }): void;
}

export interface ClientCalls {
  double(params: number): number;
}

export const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** One end of a wire that carries what structured clone carries, a turn later. */
export class End implements Transport {
  /** What was sent from here. */
  readonly sent: unknown[] = [];
  other: End = this;
  private listener: (message: unknown) => void = () => {};

  post(message: unknown): void {
    const copy: unknown = structuredClone(message);
    this.sent.push(copy);
    setImmediate(() => this.other.receive(copy));
  }

  onMessage(listener: (message: unknown) => void): void {
    this.listener = listener;
  }

  receive(message: unknown): void {
    this.listener(message);
  }
}

export function wire(): { readonly clientEnd: End; readonly serverEnd: End } {
  const [clientEnd, serverEnd] = [new End(), new End()];
  clientEnd.other = serverEnd;
  serverEnd.other = clientEnd;
  return { clientEnd, serverEnd };
}

export function connected(handlers: Partial<Handlers<ServerCalls>> = {}) {
  const ends = wire();
  const notes: string[] = [];
  const server = new Channel<ServerCalls, ClientCalls>(ends.serverEnd, {
    add: ({ a, b }) => a + b,
    fail: ({ how }) => {
      throw new Error(how);
    },
    wait: () => new Promise(() => {}),
    note: ({ text }) => void notes.push(text),
    ...handlers,
  });
  const client = new Channel<ClientCalls, ServerCalls>(ends.clientEnd, { double: (value) => value * 2 });
  return { ...ends, server, client, notes };
}
