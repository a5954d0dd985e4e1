/** The box for an expression, and the button that pins it. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Button, TextField } from "../ui";

export interface EntryProps {
  /** The one that is shown. */
  readonly expression: string;
  readonly pinned: boolean;
  readonly onShow: (expression: string) => void;
  readonly onPin: (pinned: boolean) => void;
}

export function Entry({ expression, pinned, onShow, onPin }: EntryProps): JSX.Element {
  const [text, setText] = useState(expression);
  useEffect(() => setText(expression), [expression]);
  const other = text.trim() !== expression;
  return (
    <div
      class="tensor-entry"
      role="search"
      aria-label="Tensor"
      onKeyDown={(event) => {
        if (event.key === "Enter" && event.target instanceof HTMLElement && event.target.matches("vscode-text-field"))
          onShow(text);
        else if (event.key === "Escape") setText(expression);
      }}
    >
      <TextField
        label="Tensor or expression"
        placeholder="Tensor or expression, such as hidden.weight"
        value={text}
        onInput={setText}
      />
      {other ? (
        <Button
          appearance="primary"
          label="Show this tensor (Enter)"
          disabled={text.trim() === ""}
          onClick={() => onShow(text)}
        >
          Show
        </Button>
      ) : (
        <Button
          pressed={pinned}
          disabled={expression === ""}
          label={pinned ? `Unpin ${expression}` : `Pin ${expression}: look at it at every stop`}
          onClick={() => onPin(!pinned)}
        >
          {pinned ? "Pinned" : "Pin"}
        </Button>
      )}
    </div>
  );
}
