/**
 * The few web-standard globals that core may use. They exist in Node, in browsers and in workers alike, but
 * TypeScript declares them only in its DOM and node typings, which core must not see: with those, a wrong
 * `document` or `process` would compile. Declared here is what core needs and no more.
 *
 * This file is deliberately no module: the `paths` of core's and protocol's tsconfig send every package import
 * here, and importing something that is no module is a compile error.
 */

interface AbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

interface AbortController {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
}

declare const AbortController: {
  new (): AbortController;
};

interface TextDecoder {
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  decode(input?: ArrayBufferLike | ArrayBufferView, options?: { stream?: boolean }): string;
}

declare const TextDecoder: {
  new (label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean }): TextDecoder;
};

interface TextEncoder {
  encode(input?: string): Uint8Array<ArrayBuffer>;
  encodeInto(source: string, destination: Uint8Array): { read: number; written: number };
}

declare const TextEncoder: {
  new (): TextEncoder;
};

declare function setTimeout(work: () => void, milliseconds: number): unknown;

declare const performance: {
  now(): number;
};

/** Of the streams standard only what inflating a member of a zip archive takes. */
declare const DecompressionStream: {
  new (
    format: "deflate-raw",
  ): {
    readonly readable: {
      getReader(): {
        read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array }>;
        cancel(reason?: unknown): Promise<void>;
      };
    };
    readonly writable: {
      getWriter(): {
        write(chunk: Uint8Array<ArrayBuffer>): Promise<void>;
        close(): Promise<void>;
        abort(reason?: unknown): Promise<void>;
      };
    };
  };
};
