/** The small program, debugged: a {@link DebugRuntime} that stands for the engine's. */
import type {
  BoundBreakpoint,
  DebugEvent,
  DebugRequest,
  DebugResults,
  Evaluate,
  FrameRecord,
  FunctionBreakpoint,
  Move,
  SourceBreakpoint,
  Stopped,
  VariableRecord,
} from "../../engine/debug/requests";
import type { Debuggee, LaunchArguments } from "../../engine/dap/launcher";
import { BIG, FILE, LISTING, LISTING_TEXT, NODES, type Values, compute, valuesAt } from "./program";

export interface ProgramOptions extends Partial<LaunchArguments> {
  /** Iterations. */
  readonly length?: number;
  /** Prints nothing. */
  readonly silent?: boolean;
  /** Stops at the beginning, for it cannot run. */
  readonly throws?: boolean;
  /** Tells at what it is asked, for tests of what the adapter asks. */
  readonly asked?: (request: DebugRequest) => void;
}

type Answers = {
  readonly [K in DebugRequest["kind"]]: (request: Extract<DebugRequest, { kind: K }>) => DebugResults[K];
};
type Set<T> = readonly (T & { readonly id: number })[];

const LOCALS = 1;
const TRAINING = 2;
const ELEMENTS = 3;
const FIRST_FRAME = 1000;
const TARGETS = 100;

export function startProgram(options: ProgramOptions, listener: (event: DebugEvent) => void): Debuggee {
  const end = (options.length ?? 3) * NODES.length;
  const sets = new Map<number, number>();
  let position = 0;
  let state: "loaded" | "running" | "stopped" | "ended" = "loaded";
  let ids = 0;
  let source: Record<string, Set<SourceBreakpoint>> = {};
  let functions: Set<FunctionBreakpoint> = [];
  let watched: Set<{ dataId: string; condition?: string }> = [];
  let filters: Set<{ filter: string }> = [];
  let pauseWanted = false;
  const hits = new Map<number, number>();

  const values = (): Values => valuesAt(position, sets);
  const node = (at = position): (typeof NODES)[number] => NODES[at % NODES.length];
  const tell = (event: DebugEvent): void => {
    if (state !== "ended") listener(event);
  };
  const finish = (exitCode: number, message: string | null): void => {
    tell({ kind: "ended", exitCode, message });
    state = "ended";
  };
  const stop = (reason: Stopped["reason"], description: string, breakpoints: readonly number[] = []): void => {
    if (state === "ended") return;
    state = "stopped";
    const text = reason === "exception" ? "w is no number" : null;
    tell({ kind: "stopped", reason, direction: node().direction, description, text, breakpoints });
  };

  /** One that cannot be computed is told, and stops: what did not stop would be told for ever. */
  const holds = (condition: string | undefined): boolean => {
    try {
      return condition === undefined || Boolean(compute(condition, values()));
    } catch (error) {
      tell({ kind: "output", category: "stderr", text: `${condition}: ${(error as Error).message}\n` });
      return true;
    }
  };

  /** What stops it where it stands: ids of breakpoints, by their kind. */
  const hitsHere = (): { reason: Stopped["reason"]; ids: readonly number[] } | null => {
    const { line, listed, direction, operation } = node();
    const broken = filters.filter(({ filter }) => filter === "not-finite" && Number.isNaN(values().loss));
    if (broken.length > 0 && direction === "backward") return { reason: "exception", ids: broken.map(({ id }) => id) };
    const here = [...(source[FILE] ?? []).filter((each) => each.line === line)];
    here.push(...(source[LISTING] ?? []).filter((each) => each.line === listed));
    const stopping = here.filter((each) => {
      if (each.mode !== undefined && each.mode !== "all" && each.mode !== direction) return false;
      if (!holds(each.condition)) return false;
      hits.set(each.id, (hits.get(each.id) ?? 0) + 1);
      if (each.hitCondition !== undefined && hits.get(each.id) !== Number(each.hitCondition)) return false;
      if (each.logMessage === undefined) return true;
      const text = each.logMessage.replace(/\{(.+?)\}/g, (_, expression: string) =>
        show(compute(expression, values())),
      );
      tell({ kind: "output", category: "console", text: `${text}\n`, file: FILE, line: each.line, column: 5 });
      return false;
    });
    if (stopping.length > 0) return { reason: "breakpoint", ids: stopping.map(({ id }) => id) };
    const called = functions.filter(({ name }) => new RegExp(`^${name.replaceAll("*", ".*")}$`).test(operation));
    if (called.length > 0) return { reason: "function breakpoint", ids: called.map(({ id }) => id) };
    const changed = watched.filter(({ condition }) => {
      return position % NODES.length === 0 && position > 0 && holds(condition);
    });
    return changed.length > 0 ? { reason: "data breakpoint", ids: changed.map(({ id }) => id) } : null;
  };

  const run = (by: 1 | -1): void => {
    setImmediate(() => {
      for (let turn = 0; turn < 50 && state === "running"; turn += 1) {
        if (pauseWanted) return stop("pause", "Paused");
        position += by;
        if (position >= end) return finish(0, null);
        if (!options.silent && by === 1 && position % NODES.length === 0) {
          tell({
            kind: "output",
            category: "stdout",
            text: `iteration ${position / NODES.length} w ${show(values().w)}\n`,
          });
        }
        const hit = hitsHere();
        if (hit) return stop(hit.reason, `Breakpoint, ${node().direction}`, hit.ids);
        if (position === 0) return stop("entry", "The beginning");
      }
      if (state === "running") run(by);
    });
  };

  const stand = (at: number, reason: Stopped["reason"]): void => {
    setImmediate(() => {
      if (at >= end) return finish(0, null);
      const far = Math.abs(at - position) > NODES.length;
      if (far) {
        for (const fraction of [0, 0.5, 1]) {
          const done = fraction === 1;
          tell({ kind: "progress", id: 1, title: "Replaying", message: `${fraction * 100} %`, fraction, done });
        }
      }
      position = at;
      stop(reason, reason === "step" ? "Step" : `At position ${at}`);
    });
  };

  const move = (request: Move): null => {
    mustStand();
    if (position === 0 && (request.how === "back" || request.how === "reverse")) {
      throw new Error("this is the beginning: there is nothing before it");
    }
    if (request.how === "target" && !(request.target! >= TARGETS && request.target! < TARGETS + end)) {
      throw new Error(`there is no target ${request.target}`);
    }
    if (request.how === "restartFrame") frame(request.frame ?? null);
    state = "running";
    pauseWanted = false;
    const iteration = position - (position % NODES.length);
    const moves: Readonly<Record<Move["how"], () => void>> = {
      over: () => stand(position + 1, "step"),
      into: () => stand(position + 1, "step"),
      out: () => stand(iteration + NODES.length, "step"),
      back: () => stand(position - 1, "step"),
      continue: () => run(1),
      reverse: () => run(-1),
      target: () => stand(request.target! - TARGETS, "goto"),
      restartFrame: () => stand(iteration, "step"),
      restart: () => stand(0, "entry"),
    };
    moves[request.how]();
    return null;
  };

  const mustStand = (): void => {
    if (state !== "stopped") throw new Error("the program is running");
  };
  const frame = (id: number | null): void => {
    mustStand();
    if (id !== null && !frames().some((each) => each.id === id)) throw new Error(`there is no frame ${id}`);
  };
  const frames = (): FrameRecord[] => {
    mustStand();
    const { operation, direction, line, listed } = node();
    const common = { direction, node: position, canRestart: true };
    const inFile = { file: FILE, generated: false, line: line ?? 1, column: 15, endLine: line ?? 1, endColumn: 25 };
    const root: FrameRecord = {
      ...common,
      ...inFile,
      id: FIRST_FRAME + 1,
      name: "Tiny.forward",
      kind: "module",
      module: "(model)",
    };
    const top = { ...common, id: FIRST_FRAME, module: null };
    if (direction === "update") {
      const nowhere = { file: null, generated: false, line: 1, column: 1, endLine: 1, endColumn: 1 };
      return [{ ...top, ...nowhere, name: "update of w", kind: "update" }];
    }
    if (listed === null) return [{ ...top, ...inFile, name: operation, kind: "operation" }, root];
    const inListing = { file: LISTING, generated: true, line: listed, column: 1, endLine: listed, endColumn: 30 };
    return [{ ...top, ...inListing, name: `∂loss/∂${listed === 1 ? "h" : "w"}`, kind: "contribution" }, root];
  };

  const record = (name: string, value: number, more: Partial<VariableRecord> = {}): VariableRecord => ({
    name,
    value: show(value),
    type: "number",
    reference: 0,
    named: 0,
    indexed: 0,
    evaluateName: name,
    memory: null,
    settable: false,
    virtual: false,
    lazy: false,
    place: null,
    ...more,
  });
  const big = (): VariableRecord =>
    record("big", 0, { value: `[${BIG}] float64`, type: "tensor", reference: ELEMENTS, indexed: BIG, memory: "big" });
  const parameter = (name = "w"): VariableRecord =>
    record(name, values().w, {
      type: "parameter",
      memory: "w",
      settable: true,
      place: { file: FILE, line: 4, column: 3 },
    });
  const locals = (): VariableRecord[] => {
    const { iteration: _, ...named } = values();
    const made = Object.entries(named).flatMap(([name, value]) =>
      value === null || name === "w" ? [] : record(name, value),
    );
    return [parameter(), ...made, big(), record("norm", 1, { virtual: true, lazy: true, evaluateName: null })];
  };

  const setW = (name: string, expression: string): VariableRecord => {
    if (name !== "w") throw new Error(`${name} cannot be set`);
    sets.set(position, compute(expression, values()));
    tell({ kind: "invalidated" });
    return parameter();
  };
  const bind = (
    wanted: readonly { readonly id: number }[],
    of: (index: number) => Omit<BoundBreakpoint, "id">,
  ): BoundBreakpoint[] => wanted.map(({ id }, index) => ({ id, ...of(index) }));
  const numbered = <T extends object>(wanted: readonly T[]): Set<T> => wanted.map((each) => ({ ...each, id: ++ids }));
  const memory = (name: string): Uint8Array => {
    if (name === "w") return new Uint8Array(new Float64Array([values().w]).buffer);
    if (name === "big") return new Uint8Array(Float64Array.from({ length: BIG }, (_, index) => index).buffer);
    throw new Error(`there is no memory ${name}`);
  };

  const answers: Answers = {
    setBreakpoints({ file, breakpoints }) {
      if (file !== FILE && file !== LISTING) {
        return numbered(breakpoints).map(({ id }) => ({
          id,
          verified: false,
          message: `${file} is not part of the program`,
        }));
      }
      const places = NODES.map(({ line, listed }) => (file === FILE ? line : listed));
      // To the next line that does something.
      const bound = numbered(breakpoints).map((each) => ({
        ...each,
        line: places.filter((line) => line !== null && line >= each.line).sort((a, b) => a! - b!)[0] ?? -1,
      }));
      source = { ...source, [file]: bound };
      return bind(bound, (index) => {
        const { line } = bound[index];
        if (line === -1) return { verified: false, message: "Nothing is computed here or below" };
        return { verified: true, line, column: 15, endLine: line, endColumn: 25 };
      });
    },
    setFunctionBreakpoints({ breakpoints }) {
      functions = numbered(breakpoints);
      return bind(functions, (index) => {
        const { name } = functions[index];
        const known = NODES.some(({ operation }) => new RegExp(`^${name.replaceAll("*", ".*")}$`).test(operation));
        return known ? { verified: true } : { verified: false, message: `nothing is called ${name}` };
      });
    },
    setDataBreakpoints({ breakpoints }) {
      watched = numbered(breakpoints);
      return bind(watched, (index) => ({ verified: watched[index].dataId === "w" }));
    },
    setExceptionFilters: (request) => {
      filters = numbered(request.filters);
      return bind(filters, () => ({ verified: true }));
    },
    breakpointPlaces: ({ line, endLine }) =>
      [5, 6, 10]
        .filter((each) => each >= line && each <= endLine)
        .map((each) => ({ line: each, column: 15, endLine: each, endColumn: 25 })),
    dataPlace: ({ name }) =>
      name === "w"
        ? { dataId: "w", description: "w changes" }
        : { dataId: null, description: `${name} cannot be watched` },
    start() {
      if (state !== "loaded") throw new Error("the program has begun already");
      state = "running";
      setImmediate(() => {
        if (options.throws) return stop("exception", "The program throws");
        if (options.stopOnEntry) return stop("entry", "The beginning");
        const hit = hitsHere();
        if (hit) return stop(hit.reason, `Breakpoint, ${node().direction}`, hit.ids);
        run(1);
      });
      return null;
    },
    move,
    pause() {
      pauseWanted = true;
      return null;
    },
    frames,
    scopes: ({ frame: id }) => {
      frame(id);
      const scope = { indexed: 0, expensive: false };
      return [
        { ...scope, name: "Locals", hint: "locals", reference: LOCALS, named: locals().length },
        { ...scope, name: "Training", hint: "training", reference: TRAINING, named: 1 },
      ];
    },
    variables({ reference, filter, first = 0, count = Infinity, format }) {
      mustStand();
      if (reference === ELEMENTS) {
        if (filter === "named") return [];
        const length = Math.max(0, Math.min(BIG - first, count));
        return Array.from({ length }, (_, index) => {
          const value = format?.hex ? { value: `0x${(first + index).toString(16)}` } : {};
          return record(`[${first + index}]`, first + index, { evaluateName: `big[${first + index}]`, ...value });
        });
      }
      if (reference === TRAINING) return [record("iteration", values().iteration)];
      if (reference !== LOCALS) throw new Error(`there is no value with reference ${reference}`);
      return filter === "indexed" ? [] : locals().slice(first, first + count);
    },
    evaluate({ expression, frame: id, context, format }: Evaluate) {
      frame(id);
      const [, target, value] = /^(\w+)\s*=\s*([^=].*)$/.exec(expression) ?? [];
      if (target !== undefined) {
        if (context !== "repl") throw new Error("only the console can assign");
        return setW(target, value);
      }
      if (expression === "big") return big();
      if (expression === "red") return record("red", 0, { value: "\u001b[31m1\u001b[0m" });
      const result = compute(expression, values());
      return record(expression, result, format?.hex ? { value: `0x${result.toString(16)}` } : {});
    },
    setVariable({ reference, name, value }) {
      mustStand();
      if (reference !== LOCALS) throw new Error(`there is no value with reference ${reference}`);
      return setW(name, value);
    },
    setExpression({ target, value, frame: id }) {
      frame(id);
      return setW(target, value);
    },
    completions({ text, offset, frame: id }) {
      frame(id);
      const [word] = /\w*$/.exec(text.slice(0, offset)) ?? [""];
      return ["w", "h", "y", "loss", "big", "iteration"]
        .filter((name) => name.startsWith(word))
        .map((name) => ({
          label: name,
          insert: name,
          kind: "variable" as const,
          detail: "number",
          start: offset - word.length,
          length: word.length,
        }));
    },
    stepTargets({ frame: id }) {
      frame(id);
      const line = node().line ?? 1;
      return [{ id: TARGETS + position + 1, label: "relu", line, column: 15, endLine: line, endColumn: 25 }];
    },
    gotoTargets: ({ line }) =>
      NODES.flatMap((each, index) => {
        if (each.line !== line) return [];
        const id = TARGETS + position - (position % NODES.length) + index;
        return [{ id, label: `${each.operation}, ${each.direction}`, line, column: 15, endLine: line, endColumn: 25 }];
      }),
    modules: () => [
      { id: "(model)", name: "Tiny", type: "Tiny", parameters: 1, file: FILE, line: 3 },
      { id: "relu", name: "relu", type: "ReLU", parameters: 0, file: null, line: null },
    ],
    sources: () => [
      { file: FILE, generated: false },
      { file: LISTING, generated: true },
    ],
    sourceText({ name }) {
      if (name !== LISTING) throw new Error(`there is no text ${name}`);
      return { text: LISTING_TEXT };
    },
    exception: () =>
      options.throws
        ? { id: "throw", description: "The program throws", details: "Error: w is no number\n    at line 5" }
        : null,
    readMemory({ memory: name, offset, count }) {
      const bytes = memory(name);
      const read = bytes.slice(Math.max(0, offset), Math.max(0, offset + count));
      return { bytes: read, unreadable: count - read.length };
    },
    writeMemory({ memory: name, offset, bytes }) {
      if (name !== "w") throw new Error(`${name} cannot be written`);
      const held = memory("w");
      const part = bytes.subarray(0, Math.max(0, held.length - offset));
      held.set(part, offset);
      sets.set(position, new Float64Array(held.buffer)[0]);
      tell({ kind: "invalidated" });
      return { written: part.length };
    },
    tensor({ expression, frame: id, slice, most, from = [0, 0] }) {
      frame(id);
      const whole = expression === "big" ? Array.from({ length: BIG }, (_, index) => index) : [NaN, Infinity, 1.5];
      const shown = whole.slice(from[1], from[1] + most);
      return {
        expression,
        shape: [whole.length],
        dtype: "float64",
        slice,
        rows: { axis: null, size: 1, first: 0, count: 1 },
        columns: { axis: 0, size: whole.length, first: from[1], count: shown.length },
        values: Float64Array.from(shown),
        statistics: {
          size: whole.length,
          least: whole[0],
          most: whole.at(-1)!,
          mean: NaN,
          deviation: 0,
          norm: 1,
          zeros: 0,
          notFinite: 0,
        },
        histogram: { least: 0, most: 1, counts: [1, 2] },
        title: expression,
        note: null,
        place: { file: FILE, line: 5 },
        pixels: false,
      };
    },
    explain({ expression, frame: id }) {
      frame(id);
      const step = { operation: "log", name: "h", direction: "forward", index: [0], value: -Infinity } as const;
      const inputs = [{ name: "x", index: [0], value: 0 }];
      return {
        summary: `${expression} is the logarithm of 0`,
        steps: [{ ...step, inputs, file: FILE, line: 5, column: 15 }],
      };
    },
    inlineValues({ line, endLine, frame: id }) {
      frame(id);
      return line <= 5 && endLine >= 5 ? [{ line: 5, column: 11, endColumn: 12, text: `x = ${show(values().x)}` }] : [];
    },
    situation: () => ({
      state: state === "loaded" ? "running" : state,
      iteration: values().iteration,
      epoch: 0,
      direction: node().direction,
      loss: values().loss,
      learningRate: 0.01,
      nodes: NODES.length,
      done: position % NODES.length,
      kept: 0,
      bound: 2 ** 29,
      earliest: 0,
    }),
    attach: () => null,
    detach() {
      state = "running";
      return null;
    },
  };

  setImmediate(() => tell({ kind: "ready" }));
  return {
    description: "tiny.nn.ts",
    async ask(request) {
      options.asked?.(request);
      if (state === "ended") throw new Error("nothing can be asked any more");
      const answer = answers[request.kind] as unknown as (
        asked: typeof request,
      ) => DebugResults[(typeof request)["kind"]];
      return answer(request);
    },
    async terminate() {
      setImmediate(() => finish(0, null));
    },
    kill: () => finish(130, null),
  };
}

/** Six significant digits. */
function show(value: number): string {
  return String(Number(value.toPrecision(6)));
}
