import type { BytesValue, ContentValue } from "../contentValue";
import type { PickleStack } from "./pickleStack";
import type { PyObject } from "./pickleValue";

/** What a persistent id stands for, where that is known; undefined keeps it as a reference. */
type ResolvePersistentId = (id: ContentValue) => ContentValue | undefined;

/** What a library of its own reads behind an object, from the middle of the pickle. */
export interface InlineData {
  /** A byte comes first, and says how many follow it that are not read. */
  readonly isPadded: boolean;
  /** Undefined where a pickle follows, and what that holds takes the place of the object. */
  readonly byteSize: number | undefined;
  /** What takes the place of the object. */
  make(data: BytesValue): ContentValue;
}

/** Told of an object when its state was set. */
export type FindInlineData = (object: PyObject) => InlineData | undefined;

export interface PickleHooks {
  readonly resolvePersistentId?: ResolvePersistentId | undefined;
  readonly findInlineData?: FindInlineData | undefined;
}

/** Of a stack with its memo, empty, and what is kept beside it. */
const stackBytes = 1000;

/** The pickles in whose middle another one stands: each with a stack and a memo of its own. */
export class OuterPickles {
  private readonly begun: { readonly stack: PickleStack; readonly protocol: number }[] = [];

  get outermost(): PickleStack | undefined {
    return this.begun[0]?.stack;
  }

  begin(stack: PickleStack, protocol: number): void {
    stack.retain(stackBytes);
    this.begun.push({ stack, protocol });
  }

  /** The value of the inner one takes the place of the object before it; undefined where there is no outer one. */
  end(inner: PickleStack): { readonly stack: PickleStack; readonly protocol: number } | undefined {
    const outer = this.begun.pop();
    if (outer === undefined) return undefined;
    const value = inner.pop();
    outer.stack.retain(inner.retainedBytes);
    outer.stack.pop();
    outer.stack.push(value);
    return outer;
  }
}
