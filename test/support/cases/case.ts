import type { Tensor } from "../../../engine/graph/tensor";

/** One call of the engine, in its own words; inputs and expectations are in the fixture of the same name. */
export type Call = (...inputs: Tensor[]) => Tensor;

export interface Case {
  readonly call: Call;
  /** Why differences do not tell the derivative at this case's inputs (a kink, an infinity); torch's is still compared. */
  readonly kink?: string;
  /** Why the gradient's own gradient is not checked by differences. */
  readonly once?: string;
  /** Why float32 cannot hold the value or gradient to 1e-5. */
  readonly float64Only?: string;
}

export type CaseTable = Readonly<Record<string, Call | Case>>;

export const kink = (reason: string, call: Call): Case => ({ call, kink: reason });
export const float64Only = (reason: string, call: Call): Case => ({ call, float64Only: reason });
export const once = (reason: string, call: Call): Case => ({ call, once: reason });
