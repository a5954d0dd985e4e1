/** Modules, layers, losses and initialisers: everything of this room that users see. */
export {
  Module,
  freeze,
  isBuiltIn,
  isContainer,
  moduleSite,
  modulePath,
  moduleType,
  nameModel,
  namedModules,
  namedParameters,
  parameterCount,
  parameters,
  unfreeze,
} from "./module";
export {
  type Initializer,
  Parameter,
  type ParameterOptions,
  freezeParameters,
  isTrained,
  latest,
  setState,
  state,
  unfreezeParameters,
  variable,
} from "./parameter";
export { type RandomSource, randomSource } from "./random-source";
export * from "./linear";
export * from "./convolution";
export * from "./pooling";
export * from "./normalization";
export * from "./dropout";
export * from "./embedding";
export * from "./activations";
export * from "./containers";
export * from "./attention";
export { GRU, LSTM, type LstmResult, RNN, type RecurrentOptions, type RecurrentResult } from "./recurrent";
export { type CellOptions, GRUCell, LSTMCell, type LstmState, RNNCell } from "./recurrent-cells";
export * from "./losses";
export { isBias } from "../graph/names";
export * as initializers from "./initializers";
export { heNormal, heUniform, orthogonal, xavierNormal, xavierUniform } from "./initializers";
