/** What is seen: name, shape, the line that made it, and the meaning of its axes. */
import type { JSX } from "preact";
import { baseName } from "../format";
import { Button, Link } from "../ui";
import { post } from "./host";
import { shapeText } from "./numbers";
import type { Subject } from "./state";
import type { Direction, JacobianLayout, TensorPicture } from "./protocol";

export interface HeadingProps {
  readonly picture: TensorPicture;
  /** The pass in which the program stands; null where it does not, or not where the picture was made. */
  readonly direction: Direction | null;
  readonly subject: Subject;
  readonly layout: JacobianLayout;
  readonly onLayout: (layout: JacobianLayout) => void;
}

const PASSES = { forward: "Forward pass", backward: "Backward pass", update: "Update" } as const;

export function Heading({ picture, direction, subject, layout, onLayout }: HeadingProps): JSX.Element {
  const { title, place, note } = picture;
  return (
    <header class="tensor-heading">
      <h1>
        <code>{title}</code> <span class="tensor-shape">· {shapeText(picture)}</span>
      </h1>
      {(place || direction) && (
        <p class="quiet">
          {direction && PASSES[direction]}
          {place && (
            <>
              {direction ? " · made" : "Made"} at{" "}
              <Link
                label={`Open ${baseName(place.file)} at line ${place.line}`}
                onClick={() => post({ type: "open", file: place.file, line: place.line })}
              >
                {baseName(place.file)}:{place.line}
              </Link>
            </>
          )}
        </p>
      )}
      {subject === "jacobian" && <Layouts layout={layout} onLayout={onLayout} />}
      {note !== null && <p class="tensor-note">{note}</p>}
    </header>
  );
}

/** Which way the axes lie: the two conventions of the field. */
function Layouts({ layout, onLayout }: Pick<HeadingProps, "layout" | "onLayout">): JSX.Element {
  const choices = [
    {
      value: "denominator",
      text: "Denominator layout",
      hint: "A row for each element of the input, a column for each of the result",
    },
    {
      value: "numerator",
      text: "Numerator layout",
      hint: "A row for each element of the result, a column for each of the input",
    },
  ] as const;
  return (
    <div class="controls" role="group" aria-label="Layout of the Jacobian">
      {choices.map(({ value, text, hint }) => (
        <Button key={value} pressed={layout === value} label={`${text}: ${hint}`} onClick={() => onLayout(value)}>
          {text}
        </Button>
      ))}
    </div>
  );
}
