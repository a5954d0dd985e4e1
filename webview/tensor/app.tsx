/** The whole view: which tensor, what of it, its picture and its figures. */
import type { ComponentChildren, JSX } from "preact";
import { useCallback, useEffect, useState } from "preact/hooks";
import { ProgressRing, Tabs } from "../ui";
import { Icon } from "../views/icons";
import { useAsked } from "./asked";
import { Entry } from "./entry";
import { Heading } from "./heading";
import { connect, savedState, saveState } from "./host";
import { PAGE, pageStart } from "./paging";
import { Pins } from "./pins";
import type { SessionView } from "./protocol";
import { Shown } from "./shown";
import { questionOf, wholeTensor, type Slicing } from "./slicing";
import {
  lookOf,
  restoreChoice,
  withExpression,
  withLayout,
  withPin,
  withSubject,
  type Choice,
  type Subject,
} from "./state";

const SUBJECT_TABS: readonly { readonly id: Subject; readonly text: string }[] = [
  { id: "value", text: "Value" },
  { id: "gradient", text: "Gradient" },
  { id: "change", text: "Change" },
  { id: "jacobian", text: "Jacobian" },
];

export function App(): JSX.Element {
  const [session, setSession] = useState<SessionView | null>(null);
  const [choice, setChoice] = useState(() => restoreChoice(savedState()));
  useEffect(
    () =>
      connect((message) => {
        if (message.type === "session") setSession(message.session);
        else setChoice((before) => withExpression(before, message.expression));
      }),
    [],
  );
  useEffect(() => saveState(choice), [choice]);
  if (!session) return <Waiting what="Connecting to the debugger." />;
  return <Connected session={session} choice={choice} onChange={setChoice} />;
}

interface ConnectedProps {
  readonly session: SessionView;
  readonly choice: Choice;
  readonly onChange: (change: (before: Choice) => Choice) => void;
}

function Connected({ session, choice, onChange }: ConnectedProps): JSX.Element {
  const { expression, subject, face, slicing, pins } = choice;
  const of = lookOf(choice, session.layout);
  const about = `${expression}\n${of}`;
  const [known, setKnown] = useState<{ readonly about: string; readonly shape: readonly number[] } | null>(null);
  const shape = known?.about === about ? known.shape : null;
  const page = face === "table" ? PAGE.table : PAGE.map;
  const from = slicing.from.map((first) => Math.floor(first / page) * page) as [number, number];
  const question = expression === "" ? null : questionOf(expression, of, { ...slicing, from }, shape, page);
  const asked = useAsked(question, about, session, {
    question: questionOf(expression, of, wholeTensor, null, page),
    onTaken: () => onChange((before) => ({ ...before, slicing: wholeTensor })),
  });
  const { picture, reason } = asked;
  useEffect(() => {
    if (picture && asked.about === about) setKnown({ about, shape: picture.shape });
  }, [picture, about, asked.about]);
  const setSlicing = useCallback((next: Slicing) => onChange((before) => ({ ...before, slicing: next })), [onChange]);
  const now = session.state === "stopped" && asked.stop === session.stop && asked.about === about && reason === null;
  const old = picture !== null && !now;
  return (
    <main class="tensor">
      <Entry
        expression={expression}
        pinned={pins.includes(expression)}
        onShow={(text) => onChange((before) => withExpression(before, text))}
        onPin={(pinned) => onChange((before) => withPin(before, expression, pinned))}
      />
      <Pins
        pins={pins}
        shown={expression}
        session={session}
        onShow={(text) => onChange((before) => withExpression(before, text))}
        onRemove={(text) => onChange((before) => withPin(before, text, false))}
      />
      <State session={session} has={picture !== null} />
      {expression === "" ? (
        session.state !== "none" && <NoExpression />
      ) : (
        <Tabs
          label={`What of ${expression} is shown`}
          active={subject}
          tabs={SUBJECT_TABS}
          onChange={(next) => onChange((before) => withSubject(before, next))}
        >
          <div class="tensor-subject">
            {picture && (
              <Heading
                picture={picture}
                direction={old ? null : session.direction}
                subject={subject}
                layout={choice.layout ?? session.layout}
                onLayout={(layout) => onChange((before) => withLayout(before, layout))}
              />
            )}
            {reason !== null && (
              <Reason reason={reason} expression={expression} subject={subject} has={picture !== null} />
            )}
            {picture ? (
              <Shown
                picture={picture}
                choice={choice}
                of={of}
                page={page}
                session={session}
                old={old}
                onSlicing={setSlicing}
                onChange={(change) => onChange((before) => ({ ...before, ...change }))}
                onCell={([row, column]) =>
                  setSlicing({
                    ...slicing,
                    from: [pageStart(row, picture.rows.size, page), pageStart(column, picture.columns.size, page)],
                  })
                }
              />
            ) : (
              reason === null && session.state === "stopped" && <Waiting what={`Looking at ${expression}.`} />
            )}
          </div>
        </Tabs>
      )}
    </main>
  );
}

/** What the program does, where it does not simply stand still. */
function State({ session, has }: { readonly session: SessionView; readonly has: boolean }): JSX.Element | null {
  const { state, name } = session;
  switch (state) {
    case "stopped":
      return null;
    case "running":
      return (
        <Notice icon="play">
          {name || "The program"} is running. {has ? "This is what it was at the last stop" : "Tensors are shown"} once
          it stops
          {has ? "; it is looked at again then." : "."}
        </Notice>
      );
    case "ended":
      return (
        <Notice icon="stop">
          {name || "The program"} has ended. {has && "This is what it was at the last stop. "}Debug again to look
          further.
        </Notice>
      );
    case "none":
      return (
        <div class="empty">
          <h1>Nothing is being debugged</h1>
          <p>Press F5 in a model file. Whenever the program stops, the tensors in sight can be looked at here.</p>
        </div>
      );
    default:
      return state satisfies never;
  }
}

interface NoticeProps {
  readonly icon: "play" | "stop" | "warning";
  readonly children: ComponentChildren;
}

function Notice({ icon, children }: NoticeProps): JSX.Element {
  return (
    <p class="tensor-notice" role="status">
      <Icon name={icon} />
      <span>{children}</span>
    </p>
  );
}

const MISSING: Readonly<Record<Subject, string>> = {
  value: "has no value to show",
  gradient: "has no gradient to show",
  change: "has no change to show",
  jacobian: "has no Jacobian to show",
};

interface ReasonProps {
  readonly reason: string;
  readonly expression: string;
  readonly subject: Subject;
  readonly has: boolean;
}

function Reason({ reason, expression, subject, has }: ReasonProps): JSX.Element {
  return (
    <div class="tensor-reason" role="alert">
      <Icon name="warning" className="severity warning" />
      <div>
        <p>
          <code>{expression}</code> {MISSING[subject]} here.
        </p>
        <p class="tensor-reason-words">{reason}</p>
        {has && <p class="quiet">Below is what it was when it was last seen.</p>}
      </div>
    </div>
  );
}

function NoExpression(): JSX.Element {
  return (
    <div class="empty">
      <h1>Which tensor?</h1>
      <p>
        Write its name above, or any expression of the debug console: <code>h</code>, <code>hidden.weight</code>,{" "}
        <code>x[0]</code>, <code>softmax(logits)</code>. In the Variables view and in the editor, Show Tensor does the
        same.
      </p>
    </div>
  );
}

function Waiting({ what }: { readonly what: string }): JSX.Element {
  return (
    <p class="look-nothing" role="status">
      <ProgressRing label={what} /> {what}
    </p>
  );
}
