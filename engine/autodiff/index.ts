export * from "./gradients";
export * from "./transforms";
