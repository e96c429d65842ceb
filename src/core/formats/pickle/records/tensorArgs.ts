import { type ContentValue, TupleValue } from "../../contentValue";
import { emptyTuple } from "../pickleObjects";
import { type PyGlobal, PyObject, PyPersistentId } from "../pickleValue";
import { LateArgs } from "./lateArgs";

/** What most tensors of a file have in common. */
export interface SharedArgs {
  /** The storage's class. */
  readonly type: PyGlobal;
  readonly location: string;
  /** The class of the dict of hooks. */
  readonly hooks: PyGlobal;
  readonly requiresGrad: boolean;
  /** A None follows the storage's size, as torch wrote before it saved archives. */
  readonly hasView: boolean;
  /** The storage's key stands in the pickle; else it came from the memo. */
  readonly hasOwnKey: boolean;
}

/** The arguments of `torch._utils._rebuild_tensor_v2` of which all but the numbers are what every tensor has. */
export class TensorArgs extends LateArgs {
  private made: TupleValue | undefined;

  constructor(
    readonly shared: SharedArgs,
    /** Of the storage; a number stands for its digits. */
    readonly key: string | number,
    /** Of the storage, in elements. */
    readonly elements: number,
    /** Of the tensor in its storage, in elements. */
    readonly offset: number,
    readonly shape: TupleValue,
    readonly strides: TupleValue,
    /** Where in the memo the first of their parts is. */
    private readonly firstMemo: number,
  ) {
    super();
  }

  /** As of a `PyPersistentId`: what the pickle says of the storage. */
  get id(): TupleValue {
    return this.made === undefined ? this.makeId() : idIn(this.made);
  }

  override tuple(): TupleValue {
    const { shape, strides, offset } = this;
    const { hooks, requiresGrad } = this.shared;
    this.made ??= new TupleValue([
      new PyPersistentId(this.makeId()),
      offset,
      shape,
      strides,
      requiresGrad,
      new PyObject(hooks, emptyTuple, false),
    ]);
    return this.made;
  }

  override part(index: number): ContentValue {
    const { shape, strides } = this;
    const args = this.tuple();
    const parts: ContentValue[] = this.shared.hasOwnKey ? [String(this.key)] : [];
    parts.push(idIn(args));
    // An empty tuple is put into no memo.
    if (shape.items.length > 0) parts.push(shape);
    if (strides.items.length > 0) parts.push(strides);
    parts.push(args.items[5] as ContentValue, args);
    return parts[index - this.firstMemo] as ContentValue;
  }

  private makeId(): TupleValue {
    const { type, location, hasView } = this.shared;
    const items: ContentValue[] = ["storage", type, String(this.key), location, this.elements];
    if (hasView) items.push(null);
    return new TupleValue(items);
  }
}

function idIn({ items }: TupleValue): TupleValue {
  return (items[0] as PyPersistentId).id as TupleValue;
}
