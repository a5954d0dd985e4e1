/** A training as framework-neutral data: see shared trainings. What is left out has its usual default. */
export interface Spec {
  readonly id: string;
  readonly label: "healthy" | "faulty";
  readonly cause?: string;
  readonly accepted_causes?: readonly string[];
  readonly strict_causes?: readonly string[];
  readonly model: { readonly layers: readonly LayerSpec[] };
  readonly init?: InitSpec;
  readonly loss: { readonly type: string; readonly target?: "input"; readonly smoothing?: number };
  readonly optimizer: {
    readonly type: string;
    readonly lr: number;
    readonly momentum?: number;
    readonly weight_decay?: number;
    readonly eps?: number;
    /** Rates of some parameters, by name. */
    readonly groups?: readonly { readonly match: string; readonly lr: number }[];
  };
  readonly schedule?: { readonly type: string; readonly [option: string]: number | string };
  readonly clipping?: { readonly type: "norm" | "value"; readonly max: number };
  readonly loop?: {
    readonly zero_grad?: "never";
    readonly skip_step?: boolean;
    readonly accumulate?: number;
    readonly shuffle?: boolean;
  };
  readonly sampler?: { readonly type: "balanced" };
  readonly data: DataSpec;
  readonly preprocessing?: readonly StepSpec[];
  readonly batchSize: number;
  readonly iterations: number;
  readonly metric: string;
  readonly verify?: readonly string[];
  readonly seed?: number;
  /** Layers that are kept as they are. */
  readonly frozen?: readonly string[];
  /** Trains without validation data. */
  readonly no_validation?: boolean;
}

export interface DataSpec {
  readonly kind: string;
  readonly n_train?: number;
  readonly n_val?: number;
  readonly seed: number;
  readonly [option: string]: unknown;
}

export interface StepSpec {
  readonly op: string;
  readonly [option: string]: unknown;
}

export interface LayerSpec {
  readonly type: string;
  readonly name: string;
  readonly in?: number;
  readonly out?: number;
  readonly kernel?: number;
  readonly padding?: number;
  readonly stride?: number;
  readonly hidden?: number;
  readonly features?: number;
  readonly num?: number;
  readonly dim?: number;
  readonly p?: number;
  readonly scale?: number;
  readonly axis?: number;
  readonly bias?: boolean;
  readonly output?: string;
  readonly init?: InitSpec;
  readonly layers?: readonly LayerSpec[];
}

export type Scheme = {
  readonly scheme: string;
  readonly gain?: number;
  readonly std?: number;
  readonly mean?: number;
  readonly value?: number;
  readonly bound?: number;
};

export interface InitSpec {
  readonly weight?: Scheme | "zeros";
  readonly bias?: Scheme | "zeros";
}
