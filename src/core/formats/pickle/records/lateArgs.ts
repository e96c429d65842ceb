import type { ContentValue, TupleValue } from "../../contentValue";

/** Arguments of a call that are kept in less than the tuple that the pickle made of them, until somebody asks for it. */
export abstract class LateArgs {
  /** The same one each time. */
  abstract tuple(): TupleValue;

  /** What the pickle put into the memo under `index` while it made them. */
  abstract part(index: number): ContentValue;
}
