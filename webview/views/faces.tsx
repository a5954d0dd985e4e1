/** The switch between the two faces of the panel. */
import type { JSX } from "preact";
import { STATE_NAMES } from "../format";
import { frontChosen, isLive, type Face } from "../front";
import { countIssues, countText, type EditedModel } from "../model/edited";
import type { RunHistory } from "../protocol";
import { setPreferences } from "../store";
import { Segments } from "./pane";

export interface FacesProps {
  readonly face: Face;
  readonly edited: EditedModel;
  readonly history: RunHistory;
}

export function Faces({ face, edited, history }: FacesProps): JSX.Element {
  const { errors } = countIssues(edited.view.issues);
  const wrong = errors === 0 ? "" : ` · ${countText({ errors, warnings: 0, notes: 0 })}`;
  const going = isLive(history.state) ? ` · ${STATE_NAMES[history.state].toLowerCase()}` : "";
  return (
    <nav class="faces" aria-label="Model or run">
      <Segments<Face>
        label="What the panel shows"
        name="face"
        value={face}
        choices={[
          { value: "model", text: `Model${wrong}`, hint: "The file in the editor, as it would train" },
          { value: "run", text: `Run${going}`, hint: "A training and what it told" },
        ]}
        onChange={(chosen) => setPreferences({ front: frontChosen(chosen) })}
      />
    </nav>
  );
}
