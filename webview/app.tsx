/** The whole panel: the model in the editor, or a run with its tabs, in the first of them what one watches while a network learns. */
import type { JSX } from "preact";
import { useMemo, useRef } from "preact/hooks";
import { announcement } from "./announce";
import type { DrawnRun } from "./charts/curves";
import { shownFace } from "./front";
import { setPreferences, useModel, usePreferences } from "./store";
import { shownHistory, type PanelModel } from "./state";
import type { RunHistory } from "./protocol";
import { RUN_PANES, TABS, type Pane, type Tab } from "./preferences";
import { Tabs } from "./ui";
import { Boundary } from "./views/boundary";
import { Confusion } from "./views/confusion";
import { Curves } from "./views/curves";
import { Connecting, NoRun } from "./views/empty";
import { Faces } from "./views/faces";
import { Findings } from "./views/findings";
import { Flow } from "./views/flow";
import { Header, runName } from "./views/header";
import { Images } from "./views/images";
import { ModelFace } from "./views/model-face";
import { Network } from "./views/network";
import { Runs } from "./views/runs";

const TAB_TITLES: Readonly<Record<Tab, string>> = {
  training: "Training",
  network: "Network",
  classes: "Classes",
  boundary: "Boundary",
  images: "Images",
  runs: "Runs",
};

export function App(): JSX.Element {
  const model = useModel();
  const { front } = usePreferences();
  const { edited, editedCursor } = model;
  const history = shownHistory(model);
  const face = shownFace(front, edited !== null, history !== null);
  const cursor = editedCursor?.path === edited?.view.path ? (editedCursor?.layer ?? null) : null;
  // A training that goes on behind it does not render the model anew.
  const modelFace = useMemo(() => edited && <ModelFace edited={edited} cursor={cursor} />, [edited, cursor]);
  if (!model.connected) return <Connecting />;
  if (face === null) return <NoRun />;
  return (
    <>
      {edited && history && <Faces face={face} edited={edited} history={history} />}
      {face === "model"
        ? modelFace
        : model.shown && history && <Run model={model} run={model.shown} history={history} />}
    </>
  );
}

function Run({ model, run, history }: Omit<TabContentProps, "tab">): JSX.Element {
  const { tab } = usePreferences();
  return (
    <>
      <Header runs={model.runs} run={run} history={history} />
      <Announcer key={run} history={history} />
      <Tabs
        label="Views of the run"
        active={tab}
        tabs={TABS.map((id) => ({
          id,
          text: TAB_TITLES[id],
          badge: id === "training" ? history.findings.length : undefined,
        }))}
        onChange={(chosen) => setPreferences({ tab: chosen })}
      >
        <TabContent tab={tab} model={model} run={run} history={history} />
      </Tabs>
    </>
  );
}

interface TabContentProps {
  readonly tab: Tab;
  readonly model: PanelModel;
  readonly run: string;
  readonly history: RunHistory;
}

function TabContent({ tab, model, run, history }: TabContentProps): JSX.Element {
  // Views that ask for what they show are not rendered anew by every tick.
  const asked = useMemo(() => {
    if (tab === "network") return <Network key={run} run={run} />;
    if (tab === "classes") return <Confusion key={run} run={run} />;
    if (tab === "boundary") return <Boundary key={run} run={run} />;
    return tab === "images" ? <Images key={run} run={run} /> : null;
  }, [tab, run]);
  if (tab === "training") return <Training model={model} run={run} history={history} />;
  if (tab === "runs") return <Runs runs={model.runs} shown={model.shown} compared={model.compared} />;
  return <div class="asked">{asked}</div>;
}

function Training({ model, run, history }: Omit<TabContentProps, "tab">): JSX.Element {
  const preferences = usePreferences();
  const maximized = RUN_PANES.find((pane: Pane) => pane === preferences.maximized) ?? null;
  const drawn = drawnRuns(model, run, history);
  const cursor = model.cursor?.run === run ? model.cursor.layer : null;
  return (
    <div class={maximized ? "training maximized" : "training"}>
      {(maximized === null || maximized === "flow") && <Flow run={run} history={history} cursor={cursor} />}
      {(maximized === null || maximized === "curves") && <Curves runs={drawn} />}
      {(maximized === null || maximized === "findings") && <Findings history={history} />}
    </div>
  );
}

/** The shown run and those compared with it; one alone needs no name. */
function drawnRuns({ runs, compared, histories }: PanelModel, run: string, history: RunHistory): readonly DrawnRun[] {
  const others = compared.filter((id) => id !== run && histories[id] !== undefined);
  const now = Date.now();
  const label = (id: string): string => {
    const summary = runs.find((each) => each.id === id);
    return others.length === 0 ? "" : summary ? runName(summary, now) : id;
  };
  return [
    { id: run, label: label(run), history },
    ...others.map((id) => ({ id, label: label(id), history: histories[id] })),
  ];
}

function Announcer({ history }: { readonly history: RunHistory }): JSX.Element {
  const before = useRef<RunHistory | null>(null);
  const text = useRef("");
  const now = announcement(before.current, history);
  before.current = history;
  if (now !== "") text.current = now;
  return (
    <div class="unseen" role="status" aria-live="polite">
      {text.current}
    </div>
  );
}
