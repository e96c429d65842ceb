import { type ContentValue, ListValue, MapValue, SetValue } from "../contentValue";
import { Op } from "./opcode";
import { dictBytes, emptyTuple, listBytes } from "./pickleObjects";
import type { PickleStack } from "./pickleStack";

/** Opcodes that make and fill containers; false for all others. */
export function stepContainer(op: number, stack: PickleStack): boolean {
  switch (op) {
    case Op.MARK:
      stack.mark();
      return true;
    case Op.POP:
      stack.popValueOrMark();
      return true;
    case Op.POP_MARK:
      stack.popMark();
      return true;
    case Op.DUP:
      stack.push(stack.top());
      return true;
    case Op.EMPTY_TUPLE:
      stack.push(emptyTuple);
      return true;
    case Op.TUPLE:
      stack.pushTuple(stack.popMark());
      return true;
    case Op.TUPLE1:
      stack.pushTuple(stack.popSome(1));
      return true;
    case Op.TUPLE2:
      stack.pushTuple(stack.popSome(2));
      return true;
    case Op.TUPLE3:
      stack.pushTuple(stack.popSome(3));
      return true;
    case Op.EMPTY_LIST:
      stack.create(new ListValue([]), listBytes);
      return true;
    case Op.LIST:
      pushFilled(stack, stack.popMark(), (items) => new ListValue(items));
      return true;
    case Op.APPEND: {
      const item = stack.pop();
      stack.append(stack.top(), [item]);
      return true;
    }
    case Op.APPENDS:
    case Op.ADDITEMS: {
      const items = stack.popMark();
      stack.append(stack.top(), items);
      return true;
    }
    case Op.EMPTY_SET:
      stack.create(new SetValue([], false), listBytes);
      return true;
    case Op.FROZENSET:
      pushFilled(stack, stack.popMark(), (items) => new SetValue(items, true));
      return true;
    default:
      return stepDict(op, stack);
  }
}

function stepDict(op: number, stack: PickleStack): boolean {
  switch (op) {
    case Op.EMPTY_DICT:
      stack.create(new MapValue(), dictBytes);
      return true;
    case Op.DICT: {
      const dict = new MapValue();
      stack.setItems(dict, stack.popMark());
      stack.create(dict, dictBytes);
      return true;
    }
    case Op.SETITEM: {
      const pair = stack.popSome(2);
      stack.setItems(stack.top(), pair);
      return true;
    }
    case Op.SETITEMS: {
      const items = stack.popMark();
      stack.setItems(stack.top(), items);
      return true;
    }
    default:
      return false;
  }
}

function pushFilled(
  stack: PickleStack,
  items: ContentValue[],
  make: (items: ContentValue[]) => ContentValue,
): void {
  stack.create(make(items), listBytes + 8 * items.length);
}
