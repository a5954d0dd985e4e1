import { type Site, currentSite, withSite } from "../graph/site";
import { Tensor, nameTensor, userCall } from "../graph/tensor";
import { currentTrace, noteModuleCall, withScope } from "../graph/trace";
import { Parameter, freezeParameters, unfreezeParameters } from "./parameter";

/**
 * Base of all layers and models, as PyTorch's `nn.Module`: fields that are parameters or modules (also in arrays
 * and plain objects) belong to it, `forward` says what it computes, and an instance is called like a function.
 *
 * ```ts
 * class Block extends Module {
 *   linear = new Linear(8, 8);
 *   forward(x: Tensor) { return relu(this.linear(x)); }
 * }
 * const y = new Block()(x);
 * ```
 */
export abstract class Module {
  /** The name shown for built-in layers; user classes show their own name. */
  static readonly layerType: string | undefined = undefined;
  /** Containers are not listed as layers; their children are. */
  static readonly container: boolean = false;
  /** Which arguments of the constructor are sizes that the layer's input must have, or its output has. */
  static readonly sizes: readonly SizeArgument[] = [];

  constructor() {
    const self = ((...inputs: unknown[]) => userCall(() => callModule(self, inputs))) as unknown as Module;
    // A function's own `name` and `length` would look like fields of the module.
    delete (self as { name?: unknown }).name;
    delete (self as { length?: unknown }).length;
    Object.setPrototypeOf(self, new.target.prototype);
    places.set(self, { site: currentSite(), path: undefined });
    return self;
  }

  /** What the module computes; call the module itself rather than `forward`, so that its name and place are known. */
  abstract forward(...inputs: never[]): unknown;
}

// Calling an instance is calling its forward. (A class cannot declare call signatures, a merged interface can.)
export interface Module {
  (...inputs: Parameters<this["forward"]>): ReturnType<this["forward"]>;
}

/** An argument of a layer's constructor that is the size of an axis. */
export interface SizeArgument {
  /** Its position, from 0. */
  readonly argument: number;
  /** The field that holds it: `inputs`, `outChannels`. */
  readonly field: string;
  /** Of input or output; negative from the end. */
  readonly axis: number;
  /** `both`: the input must have it and the output has it too. `entries`: the input's whole numbers must be below it. */
  readonly role: "input" | "output" | "both" | "entries";
}

/** See {@link Module.sizes}. */
export function sizeArguments(module: Module): readonly SizeArgument[] {
  return (module.constructor as typeof Module).sizes;
}

interface Place {
  /** Where the module was made. */
  readonly site: Site | undefined;
  /** Path from the model such as `layers.0`; `""` for the model itself, undefined before the first call. */
  path: string | undefined;
  /** See {@link lineOf}: made once, so that it can be compared. */
  line?: Site;
}

const places = new WeakMap<Module, Place>();

/** Where the user made the module: `new Linear(784, 128)`. */
export function moduleSite(module: Module): Site | undefined {
  return places.get(module)?.site;
}

/** Path of the module from its model, as in a state_dict; `""` for the model itself. */
export function modulePath(module: Module): string {
  return places.get(module)?.path ?? "";
}

/** `Linear`, `Classifier`: the class as the user knows it. */
export function moduleType(module: Module): string {
  const type = module.constructor as typeof Module;
  return (Object.hasOwn(type, "layerType") ? type.layerType : undefined) ?? type.name;
}

export function isBuiltIn(module: Module): boolean {
  return Object.hasOwn(module.constructor, "layerType");
}

export function isContainer(module: Module): boolean {
  return (module.constructor as typeof Module).container;
}

function callModule(module: Module, inputs: readonly unknown[]): unknown {
  if (typeof (module as { forward?: unknown }).forward !== "function")
    throw new Error(`${moduleType(module)} has no forward; write forward(x: Tensor) { … return … }`);
  const trace = currentTrace();
  if (!insideModule()) nameModel(module);
  const name = modulePath(module);
  return withScope({ kind: "module", name, type: moduleType(module) }, () => {
    const scope = trace.scope;
    const output = calledByContainer()
      ? withSite(lineOf(module), () => forward(module, inputs))
      : forward(module, inputs);
    if (output === undefined) {
      throw new Error(`the forward of ${moduleType(module)} returned nothing; end it with \`return …\``);
    }
    noteModuleCall(trace, { module, scope, inputs, output });
    return output;
  });
}

/** The module call that is running, with what it was given. */
let openCall: { readonly module: Module; readonly inputs: readonly unknown[] } | undefined;

/** The tensors that the running module call was given. */
export function inputsOfCall(): Tensor[] {
  const given = openCall?.inputs.flatMap((input) => (Array.isArray(input) ? (input as unknown[]) : [input])) ?? [];
  return given.filter((input) => input instanceof Tensor);
}

/** All tensors that the result of the running module call can depend on: its inputs and its parameters. */
export function operandsOfCall(): Tensor[] {
  return openCall ? [...inputsOfCall(), ...parameters(openCall.module)] : [];
}

/** The container whose forward is running, with its place: a module that is called from there stands on a line of its own. */
let openContainer: { readonly site: Site | undefined } | undefined;

function calledByContainer(): boolean {
  return openContainer !== undefined && openContainer.site === currentSite();
}

function forward(module: Module, inputs: readonly unknown[]): unknown {
  const [container, call] = [openContainer, openCall];
  openContainer = isContainer(module) ? { site: currentSite() } : undefined;
  openCall = { module, inputs };
  try {
    return (module.forward as (...inputs: unknown[]) => unknown)(...inputs);
  } finally {
    openContainer = container;
    openCall = call;
  }
}

/** Where the module was made, without the variable: that names the module, not what it returns. */
function lineOf(module: Module): Site | undefined {
  const place = places.get(module);
  if (!place?.site) return undefined;
  const { variable: _, ...site } = place.site;
  return (place.line ??= site);
}

function insideModule(): boolean {
  for (let scope = currentTrace().scope; scope; scope = scope.parent) if (scope.kind === "module") return true;
  return false;
}

/** Gives each module and parameter under `root` its path; the first of several paths to a shared one wins. */
export function nameModel(root: Module, prefix = ""): void {
  for (const [path, module] of namedModules(root)) {
    const place = places.get(module);
    if (place) place.path = joinPath(prefix, path);
  }
  for (const [path, parameter] of namedParameters(root)) nameTensor(parameter, joinPath(prefix, path));
}

/** All parameters and states by path, each once, in order of the fields: the keys of PyTorch's `state_dict`. */
export function namedParameters(root: Module): Map<string, Parameter> {
  const found = new Map<string, Parameter>();
  const seen = new Set<Parameter>();
  walk(root, "", new Set(), (path, value) => {
    if (value instanceof Parameter && !seen.has(value)) {
      seen.add(value);
      found.set(path, value);
    }
  });
  return found;
}

/** All modules by path, `root` first under `""`. */
export function namedModules(root: Module): Map<string, Module> {
  const found = new Map<string, Module>();
  walk(root, "", new Set(), (path, value) => {
    if (value instanceof Module) found.set(path, value);
  });
  return found;
}

/** Parameters without their names, for optimisers and gradients. */
export function parameters(root: Module): Parameter[] {
  return [...namedParameters(root).values()];
}

/** Number of trainable elements. */
export function parameterCount(root: Module): number {
  return parameters(root).reduce((sum, parameter) => sum + (parameter.trainable ? parameter.size : 0), 0);
}

/** Keeps all parameters of a module as they are while the rest trains. */
export function freeze(root: Module): void {
  freezeParameters(parameters(root));
}

export function unfreeze(root: Module): void {
  unfreezeParameters(parameters(root));
}

function walk(value: unknown, path: string, seen: Set<unknown>, visit: (path: string, value: object) => void): void {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return;
  if (value instanceof Parameter) return visit(path, value);
  if (value instanceof Tensor || seen.has(value)) return;
  const plain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  if (!(value instanceof Module) && !plain) return;
  seen.add(value);
  if (value instanceof Module) visit(path, value);
  for (const key of Object.keys(value)) walk((value as Record<string, unknown>)[key], joinPath(path, key), seen, visit);
}

function joinPath(parent: string, key: string): string {
  return parent === "" ? key : key === "" ? parent : `${parent}.${key}`;
}
