import { type Value, formatValue, typeOf } from "../expressions";
import { type Item, insideOf } from "./items";
import { arrayItem, isSettable } from "./tensors";

/** What an expression gave, as a line of Variables. */
export function valueItem(name: string, value: Value, evaluateName: string | null): Item {
  const type = typeOf(value);
  switch (value.kind) {
    case "tensor": {
      const settable = value.node !== null && isSettable(value.node);
      const item = arrayItem(name, value, { evaluateName, type, settable });
      return value.node ? { ...item, node: value.node } : item;
    }
    case "record":
      return {
        name,
        type,
        value: () => value.text,
        inside: () =>
          insideOf(
            value.members().flatMap((member) => {
              const found = value.member(member.name);
              const own = evaluateName === null ? null : memberExpression(evaluateName, member.name);
              return found ? [valueItem(member.name, found, own)] : [];
            }),
          ),
        evaluateName,
      };
    case "list":
      return {
        name,
        type,
        value: (format) => formatValue(value, format),
        inside: () => ({
          named: [],
          indexed: value.items.length,
          at: (index) =>
            valueItem(`[${index}]`, value.items[index], evaluateName === null ? null : `${evaluateName}[${index}]`),
        }),
        evaluateName,
      };
    case "number":
    case "boolean":
    case "text":
    case "null":
      return { name, type, value: (format) => formatValue(value, format), evaluateName };
    default:
      return value satisfies never;
  }
}

function memberExpression(object: string, name: string): string {
  return /^\d+$/.test(name) ? `${object}[${name}]` : `${object}.${name}`;
}
