import {
  type ContentChildren,
  type ContentValue,
  ForeignValue,
  type MapValue,
  TupleValue,
} from "../contentValue";
import { pythonText } from "../pythonText";
import {
  argsOf,
  objectAttributes,
  objectChildren,
  objectMapping,
  objectSequence,
  objectText,
} from "./pickleObjectView";
import { LateArgs } from "./records/lateArgs";

/** A class or function that the pickle names. It was not imported. */
export class PyGlobal extends ForeignValue {
  /** Made once: it is asked of every object that is made by a call of this. */
  readonly qualifiedName: string;

  constructor(
    readonly module: string,
    readonly name: string,
  ) {
    super();
    this.qualifiedName = `${module}.${name}`;
  }

  override text(): string {
    return this.qualifiedName;
  }
}

/** Apart from the object, because most have nothing of it: a model of a million tensors has two million objects. */
interface SetOnObject {
  state: ContentValue | undefined;
  items: ContentValue[] | undefined;
  mapItems: MapValue | undefined;
  kwargs: ContentValue | undefined;
}

/** An object that Python would have made by a call: what would have been called, with what, and what was set on it. */
export class PyObject extends ForeignValue {
  private given: ContentValue | LateArgs;
  private more: SetOnObject | undefined;

  constructor(
    /** Usually a `PyGlobal`; where a pickle calls the result of a call, that object. */
    readonly callee: ContentValue,
    args: ContentValue | LateArgs,
    /** Made without a call of `__init__` (NEWOBJ), so `callee` is its class. */
    readonly isInstance: boolean,
  ) {
    super();
    this.given = args;
  }

  get args(): ContentValue {
    return this.given instanceof LateArgs ? this.given.tuple() : this.given;
  }

  /** Undefined where the arguments are no more than a tuple or another value, which `args` gives. */
  get lateArgs(): LateArgs | undefined {
    return this.given instanceof LateArgs ? this.given : undefined;
  }

  /** Something was set on it after it was made. */
  get isChanged(): boolean {
    return this.more !== undefined;
  }

  /** Attributes (`__dict__`), or whatever the class takes in `__setstate__`. */
  get state(): ContentValue | undefined {
    return this.more?.state;
  }

  set state(state: ContentValue | undefined) {
    this.change().state = state;
  }

  /** Appended to it: it is a list or a set of a class of its own. */
  get items(): ContentValue[] | undefined {
    return this.more?.items;
  }

  set items(items: ContentValue[] | undefined) {
    this.change().items = items;
  }

  /** Set on it by key: it is a mapping. */
  get mapItems(): MapValue | undefined {
    return this.more?.mapItems;
  }

  set mapItems(mapItems: MapValue | undefined) {
    this.change().mapItems = mapItems;
  }

  get kwargs(): ContentValue | undefined {
    return this.more?.kwargs;
  }

  set kwargs(kwargs: ContentValue | undefined) {
    this.change().kwargs = kwargs;
  }

  private change(): SetOnObject {
    this.more ??= { state: undefined, items: undefined, mapItems: undefined, kwargs: undefined };
    return this.more;
  }

  /** Lets go of arguments that were made into something that takes less memory. */
  releaseArgs(): void {
    this.given = noArgs;
  }

  get module(): string {
    return this.callee instanceof PyGlobal ? this.callee.module : "";
  }

  get name(): string {
    return this.callee instanceof PyGlobal ? this.callee.name : "";
  }

  get qualifiedName(): string {
    return this.callee instanceof PyGlobal ? this.callee.qualifiedName : "";
  }

  override get madeFrom(): readonly ContentValue[] {
    return argsOf(this);
  }

  override get mapping(): MapValue | undefined {
    return objectMapping(this);
  }

  override get sequence(): readonly ContentValue[] | undefined {
    return objectSequence(this);
  }

  override get attributes(): MapValue | undefined {
    return objectAttributes(this);
  }

  override get children(): ContentChildren {
    return objectChildren(this);
  }

  override text(nesting: number): string {
    return objectText(this, nesting);
  }
}

const noArgs = new TupleValue([]);

/** A reference to something outside the pickle; torch refers to storages so. */
export class PyPersistentId extends ForeignValue {
  constructor(readonly id: ContentValue) {
    super();
  }

  get qualifiedName(): string {
    return "";
  }

  override text(nesting: number): string {
    return `persistent id ${pythonText(this.id, nesting + 1)}`;
  }
}
