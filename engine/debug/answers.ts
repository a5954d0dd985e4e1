import type { NdArray } from "../graph/array";
import { sizeOf } from "../graph/shape";
import { isContainer, modulePath, moduleSite, moduleType, namedModules, parameterCount } from "../nn/module";
import type { Binder } from "./breakpoints";
import { type Scene, currentOf, nextStep } from "./episode";
import { type Value, clipboardText, complete, evaluateExpression, parseAssignment } from "./expressions";
import { type Inspector, LISTING, MODEL } from "./inspector";
import { explainAt, pictureAt } from "./looks";
import { placeKey, stopsOver } from "./places";
import type {
  BoundBreakpoint,
  DebugRequest,
  DebugResults,
  ModuleRecord,
  NumberFormat,
  Situation,
  VariableRecord,
} from "./requests";
import { whyNeverWritten } from "./watches";
import { type Assignment, assignAt, assignVariable, requireSettable } from "./variables/assign";
import { nodeOfMemory, readBytes, writeBytes } from "./variables/bytes";
import { inlineValuesAt } from "./variables/inline";
import { modelsOf } from "./variables/frames";
import { labelOf } from "./variables/labels";
import { childNamed, recordOf, variablesAt } from "./variables/items";
import { scopesAt } from "./variables/scopes";
import { valueItem } from "./variables/values";

type Question = Exclude<DebugRequest, { kind: "start" | "move" | "attach" | "pause" | "detach" }>;

/** What can be asked of a program without moving it. @throws with words for the user */
export function answer<R extends Question>(inspector: Inspector, request: R): DebugResults[R["kind"]] {
  const handler = ANSWERS[request.kind] as unknown as (inspector: Inspector, request: R) => DebugResults[R["kind"]];
  return handler(inspector, request);
}

type Handlers = {
  readonly [K in Question["kind"]]: (
    inspector: Inspector,
    request: Extract<Question, { readonly kind: K }>,
  ) => DebugResults[K];
};

const ANSWERS: Handlers = {
  setBreakpoints: (inspector, { file, breakpoints }) =>
    inspector.breakpoints.setSource(file, breakpoints, inspector.binder()),
  setFunctionBreakpoints: (inspector, { breakpoints }) =>
    inspector.breakpoints.setFunctions(breakpoints, inspector.binder()),
  setDataBreakpoints: (inspector, { breakpoints }) => inspector.breakpoints.setData(breakpoints, inspector.binder()),
  setExceptionFilters: (inspector, { filters }): readonly BoundBreakpoint[] =>
    inspector.breakpoints.setFilters(filters),
  breakpointPlaces: (inspector, { file, line, endLine }) => breakpointPlaces(inspector.binder(), file, line, endLine),
  dataPlace: (inspector, { reference, name }) => dataPlace(inspector, reference, name),
  frames: (inspector) => inspector.frameRecords(),
  scopes: (inspector, { frame }) => {
    if (!inspector.scene) return [];
    const fields = inspector.options.fields();
    return scopesAt(inspector.scene, frameOf(inspector, frame), inspector.references, fields ? { fields } : {});
  },
  variables: (inspector, { reference, ...page }) => variablesAt(inspector.references, reference, page),
  evaluate: (inspector, { expression, frame, context, format }) => {
    const assignment = context === "repl" ? parseAssignment(expression) : null;
    if (assignment) {
      const names = inspector.names(frame);
      const target = assignment.target.text.slice(assignment.target.root.start, assignment.target.root.end);
      return set(inspector, target, evaluateExpression(assignment.value, names), frame, format);
    }
    const value = evaluateExpression(expression, inspector.names(frame));
    if (context !== "clipboard") return record(inspector, expression, value, expression, format);
    return {
      ...record(inspector, expression, value, expression, format),
      value: clipboardText(value, format),
      reference: 0,
    };
  },
  setVariable: (inspector, { reference, name, value, format }) => {
    const scene = requireScene(inspector);
    const given = evaluateExpression(value, inspector.names(null));
    const fields = inspector.options.fields();
    carryOut(inspector, assignVariable(scene, inspector.references, reference, name, given, fields));
    const item = childNamed(inspector.references.find(reference), name);
    if (!item) throw new Error(`there is no variable ${name} here`);
    return recordOf(item, inspector.references, format);
  },
  setExpression: (inspector, { target, value, frame, format }) =>
    set(inspector, target, evaluateExpression(value, inspector.names(frame)), frame, format),
  completions: (inspector, { text, offset, frame }) => complete(text, offset, inspector.names(frame)),
  stepTargets: (inspector, { frame }) => stepTargets(inspector, frame),
  gotoTargets: (inspector, { file, line }) => gotoTargets(inspector, file, line),
  modules: (inspector) => {
    const root = inspector.options.model();
    const roots = root ? [root] : modelsOf(inspector.binder().graph).values();
    const records = [...roots].flatMap((model) =>
      [...namedModules(model)].map(([path, module]) => moduleRecord(path, module)),
    );
    // Frames know modules by their path: of two models in one program the first has it.
    return [...new Map(records.reverse().map((record) => [record.id, record])).values()].reverse();
  },
  sources: (inspector) => {
    const { places, graph } = inspector.binder();
    const files = new Set([...places.keys()].map((key) => key.slice(0, key.lastIndexOf(":"))));
    const sources = [...files].map((file) => ({ file, generated: false }));
    return graph.pass ? [...sources, { file: LISTING, generated: true }] : sources;
  },
  sourceText: (inspector, { name }) => {
    const { graph } = inspector.binder();
    if (name !== LISTING) throw new Error(`There is no generated text ${name}; there is "${LISTING}"`);
    if (!graph.pass) throw new Error("There is no backward pass to list: nothing of this program wants a gradient");
    return { text: inspector.listingOf(graph).text };
  },
  exception: ({ stop, finding }) =>
    stop?.reason === "exception"
      ? {
          id: finding?.code ?? stop.description,
          description: stop.text ?? stop.description,
          details: finding?.remedy ?? "",
        }
      : null,
  readMemory: (inspector, { memory, offset, count }) => {
    const scene = requireScene(inspector);
    const array = scene.episode.values.of(currentOf(scene, nodeOfMemory(scene, memory)));
    const bytes = readBytes(array, offset, count);
    return { bytes, unreadable: count - bytes.length };
  },
  writeMemory: (inspector, { memory, offset, bytes }) => {
    const scene = requireScene(inspector);
    const found = nodeOfMemory(scene, memory);
    requireSettable(scene, labelOf(scene, found), found);
    const node = currentOf(scene, found);
    const { value, written } = writeBytes(scene.episode.values.of(node), offset, bytes);
    inspector.options.put(node, value);
    return { written };
  },
  tensor: (inspector, request) => pictureAt(inspector, requireScene(inspector), request),
  explain: (inspector, request) => explainAt(inspector, requireScene(inspector), request),
  inlineValues: ({ scene }, { file, line, endLine }) => (scene ? inlineValuesAt(scene, file, line, endLine) : []),
  situation: (inspector) => situation(inspector),
};

function requireScene({ scene, problem }: Inspector): Scene {
  if (scene) return scene;
  throw new Error(
    problem
      ? "There are no values: the program did not begin"
      : "The program is running; pause it to look at its values",
  );
}

function frameOf(inspector: Inspector, frame: number | null): { readonly depth: number } {
  const frames = inspector.frames();
  const found = frames[frame ?? 0] as (typeof frames)[number] | undefined;
  if (!found) throw new Error(`There is no frame ${frame}; it was of an earlier stop`);
  return found;
}

function record(
  { references }: Inspector,
  name: string,
  value: Value,
  evaluateName: string | null,
  format: NumberFormat = {},
): VariableRecord {
  return recordOf(valueItem(name, value, evaluateName), references, format);
}

function carryOut({ options }: Inspector, { node, value }: Assignment): void {
  options.put(node, value);
}

function set(
  inspector: Inspector,
  target: string,
  value: Value,
  frame: number | null,
  format: NumberFormat | undefined,
): VariableRecord {
  const scene = requireScene(inspector);
  const fields = inspector.options.fields();
  carryOut(inspector, assignAt(scene, target, value, { frame: frameOf(inspector, frame), ...(fields && { fields }) }));
  return record(inspector, target, evaluateExpression(target, inspector.names(frame)), target, format);
}

function breakpointPlaces(
  { places, fileOf }: Binder,
  file: string,
  line: number,
  endLine: number,
): DebugResults["breakpointPlaces"] {
  const path = fileOf(file);
  const found = new Map<string, DebugResults["breakpointPlaces"][number]>();
  for (let at = line; at <= Math.min(endLine, line + 10_000); at++) {
    for (const { range } of places.get(placeKey(path, at)) ?? []) {
      const { line, column, endLine, endColumn } = range;
      found.set(`${line}:${column}`, { line, column, endLine, endColumn });
    }
  }
  return [...found.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}

function dataPlace(inspector: Inspector, reference: number | null, name: string): DebugResults["dataPlace"] {
  let text = name;
  if (reference !== null) {
    const item = childNamed(inspector.references.find(reference), name);
    const evaluateName = typeof item?.evaluateName === "function" ? item.evaluateName() : item?.evaluateName;
    if (!evaluateName) return { dataId: null, description: `${name} has no name of its own to watch` };
    text = evaluateName;
  }
  const { graph, watched } = inspector.binder();
  if (watched(text).some(({ node }) => graph.indexOf.has(node))) {
    const description = graph.parameters.has(text)
      ? `${text} (when the update changes it)`
      : `${text} (when it is computed)`;
    return { dataId: text, description };
  }
  const whole = /^(.+?)(?:\[\d+\])+$/.exec(text)?.[1];
  if (whole !== undefined && watched(whole).length > 0)
    return {
      dataId: null,
      description: `Watch ${whole} with a condition on its element, such as value${text.slice(whole.length)} > 1`,
    };
  return { dataId: null, description: whyNeverWritten(text, watched(text)) };
}

function stepTargets(inspector: Inspector, frame: number): DebugResults["stepTargets"] {
  const { scene } = inspector;
  const step = scene && nextStep(scene);
  if (!scene || !step || frame > 1) return [];
  const { steps } = scene.episode.graph;
  const { depth, index: from } = scene.position;
  const targets: DebugResults["stepTargets"][number][] = [];
  const statement = step.statements[depth];
  for (let index = from; index < steps.length && steps[index].statements[depth] === statement; index++) {
    const level = steps[index].levels[depth];
    if (index > from && steps[index - 1].levels[depth].call === level.call) continue;
    if (depth >= steps[index].levels.length - 1) continue;
    const { line = 0, column = 0, endLine = 0, endColumn = 0 } = level.site ?? {};
    const label = level.kind === "module" ? `${level.name || level.type}: ${level.type}` : level.name;
    targets.push({ id: inspector.addTarget({ index, depth: depth + 1 }), label, line, column, endLine, endColumn });
  }
  return targets;
}

function gotoTargets(inspector: Inspector, file: string, line: number): DebugResults["gotoTargets"] {
  if (!inspector.scene) return [];
  const { places, fileOf, graph, listed } = inspector.binder();
  const inListing = listed(file, line);
  if (inListing) {
    const { index } = inListing;
    const id = inspector.addTarget({ index, depth: graph.steps[index].levels.length - 1 });
    return [
      {
        id,
        label: `line ${inListing.line} of the backward pass`,
        line: inListing.line,
        column: 1,
        endLine: inListing.line,
        endColumn: 1,
      },
    ];
  }
  const path = fileOf(file);
  const stops = places.get(placeKey(path, line))?.filter(({ begins }) => begins) ?? stopsOver(places, path, line);
  return stops.map(({ direction, position, range }, i) => {
    const again = stops.slice(0, i).filter((other) => other.direction === direction).length;
    const label = again > 0 ? `${direction} (${again + 1})` : direction;
    const { column, endLine, endColumn } = range;
    return { id: inspector.addTarget(position), label, line: range.line, column, endLine, endColumn };
  });
}

function moduleRecord(path: string, module: Parameters<typeof moduleType>[0]): ModuleRecord {
  const site = moduleSite(module);
  const type = isContainer(module) ? `${moduleType(module)} (container)` : moduleType(module);
  return {
    id: modulePath(module) || MODEL,
    name: path || moduleType(module),
    type,
    parameters: parameterCount(module),
    file: site?.file ?? null,
    line: site?.line ?? null,
  };
}

function situation({ scene, options, problem }: Inspector): Situation {
  const { bytes, bound, earliest, loss } = options.kept();
  if (!scene) {
    const none = { iteration: 0, epoch: 0, direction: "forward", learningRate: null, nodes: 0, done: 0 } as const;
    return { state: problem ? "stopped" : "running", loss: loss ?? null, kept: bytes, bound, earliest, ...none };
  }
  const { episode, position } = scene;
  const { graph, values } = episode;
  const done = graph.indexOf.get(graph.training?.loss ?? graph.output) ?? Infinity;
  const current: NdArray | undefined =
    position.index > done ? values.of(graph.training?.loss ?? graph.output) : undefined;
  return {
    state: "stopped",
    iteration: episode.iteration,
    epoch: episode.epoch,
    direction: nextStep(scene)?.direction ?? graph.steps.at(-1)?.direction ?? "forward",
    loss: (current && sizeOf(current.shape) === 1 ? current.data[0] : (episode.lossBefore ?? loss)) ?? null,
    learningRate: graph.training ? values.of(graph.training.learningRate).data[0] : episode.learningRate,
    nodes: graph.steps.length,
    done: position.index,
    kept: bytes + values.bytes,
    bound,
    earliest,
  };
}
