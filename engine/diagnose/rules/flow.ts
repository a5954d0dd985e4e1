import type { LayerLook } from "../look";
import type { LayerFacts } from "../network";
import { type Rule, type Situation, type Suspicion, percent, show } from "../situation";

/** How activations and gradients go through the layers. */

interface Placed {
  readonly index: number;
  readonly facts: LayerFacts;
}

/** Layers with trained weights, in the order of their calls. */
function weighted({ network }: Situation): Placed[] {
  return network.layers.map((facts, index) => ({ index, facts })).filter(({ facts }) => facts.weight !== undefined);
}

const RECURRENT = new Set(["RNN", "LSTM", "GRU"]);
/** Of the gradients of two layers: at this ratio one moves a thousandth as far under plain gradient descent. */
const VANISHED = 1e-3;

export const vanishing: Rule = (situation) => {
  const { now, ripe, failed, short, improving } = situation;
  if (!ripe || !(failed || (short && !improving)) || situation.notFinite) return [];
  return [...throughLayers(situation, now.layers), ...throughTime(situation)];
};

function throughLayers(situation: Situation, looks: readonly LayerLook[]): Suspicion[] {
  const layers = weighted(situation).filter(({ index }) => !Number.isNaN(looks[index].gradient));
  if (layers.length < 2) return [];
  const [first] = layers;
  const strongest = layers.reduce((a, b) => (looks[b.index].gradient > looks[a.index].gradient ? b : a));
  const [least, most] = [looks[first.index].gradient, looks[strongest.index].gradient];
  if (most === 0) return noGradientAtAll(situation, first);
  if (!(least / most < VANISHED)) return [];
  const { facts } = first;
  return [
    {
      code: "vanishing-gradient",
      message: `the gradient of ${facts.name} is ${show(least / most)} of that of ${strongest.facts.name}, so the first layers hardly learn`,
      evidence: [
        { label: `gradient of ${facts.name}`, value: show(least) },
        { label: `gradient of ${strongest.facts.name}`, value: show(most) },
        ...skillOf(situation),
      ],
      remedy: `use relu in place of ${facts.activation ?? "flat functions"}, initialise by { initializer: heNormal() } (xavierNormal() for tanh), put LayerNorm or BatchNorm between the layers, or add each block's input to its output`,
      layer: facts.name,
      site: facts.site,
    },
  ];
}

function noGradientAtAll(situation: Situation, { facts }: Placed): Suspicion[] {
  return [
    {
      code: "vanishing-gradient",
      message: `the gradient is exactly 0 in every layer, from ${facts.name} on: the loss does not react to the parameters`,
      evidence: [{ label: "largest gradient", value: "0" }, ...skillOf(situation)],
      remedy:
        "look at what comes between the last layer and the loss: a function that is flat there lets nothing through",
      layer: facts.name,
      site: facts.site,
    },
  ];
}

function throughTime(situation: Situation): Suspicion[] {
  const { network, now, first } = situation;
  return network.layers.flatMap(({ name, type, site }, i) => {
    const memory = Math.max(now.layers[i].memory, first.layers[i].memory);
    if (!RECURRENT.has(type) || !(memory < VANISHED)) return [];
    return [
      {
        code: "vanishing-gradient",
        message: `of the gradient at the end of the sequence, ${show(now.layers[i].memory)} reaches its beginning in ${name}: what comes early is not learnt`,
        evidence: [{ label: "gradient at the first quarter over that at the last", value: show(now.layers[i].memory) }],
        remedy: "use an LSTM or GRU in place of an RNN, or a shorter sequence",
        layer: name,
        site,
      },
    ];
  });
}

/** Of the largest gradient so far to that of the first iterations. */
const EXPLODED = 1e3;
/** Of the activations of the last layer to those of the first, before training. */
const AMPLIFIED = 30;

export const exploding: Rule = (situation) => {
  const { curve, first, notFinite, bad, ripe, network } = situation;
  const layers = weighted(situation);
  if (!bad || !(ripe || notFinite)) return [];
  const growth = layers.map(({ index }) => curve.largestGradients[index] / firstGradient(situation, index));
  const worst = layers.reduce<Placed | undefined>(
    (a, b) => (a === undefined || growth[layers.indexOf(b)] > growth[layers.indexOf(a)] ? b : a),
    undefined,
  );
  const scales = layers.map(({ index }) => first.layers[index].scale).filter((scale) => scale > 0);
  const amplified = scales.length > 2 ? (scales.at(-1) as number) / scales[0] : 1;
  const longest = network.layers.findIndex((_, i) => first.layers[i].memory > EXPLODED);
  const grown = worst ? growth[layers.indexOf(worst)] : 1;
  const grew = grown > EXPLODED && situation.worse;
  if (!notFinite && !grew && amplified < AMPLIFIED && longest < 0) return [];
  // A number that is none without any growth before it comes from a function at a place where it is not defined.
  if (
    notFinite &&
    !(grown > 10) &&
    amplified < AMPLIFIED &&
    Number.isFinite(notFinite.iteration) &&
    notFinite.iteration > 3
  )
    return undefinedNumber(situation);
  const at = longest >= 0 ? network.layers[longest] : (worst?.facts ?? network.layers[0]);
  const name = notFinite?.layer ?? at?.name;
  return [
    {
      code: "exploding-gradient",
      severity: notFinite ? "error" : "warning",
      message: notFinite
        ? `gradients grew ${show(grown)}-fold until iteration ${notFinite.iteration}, where numbers became infinite${name === undefined ? "" : `, first in ${name}`}`
        : `gradients grew ${show(grown)}-fold in ${at?.name ?? "the model"}, and the loss with them`,
      evidence: [
        { label: "largest gradient over the first", value: show(grown) },
        { label: "activations of the last layer over those of the first, at the start", value: show(amplified) },
        { label: "first loss", value: show(first.loss) },
      ],
      remedy:
        "lower the learning rate, limit gradients by clip: { norm: 1 } in training({…}), and keep activations at one size by LayerNorm, BatchNorm, or a factor below 1 on each residual branch",
      layer: name,
      site: placeOf(notFinite) ?? at?.site,
    },
  ];
};

function undefinedNumber({ notFinite, network, access, curve }: Situation): Suspicion[] {
  const losses = curve.all.slice(-3).map(({ mean }) => show(mean));
  return [
    {
      code: "loss-activation-mismatch",
      severity: "error",
      message: `numbers became infinite in iteration ${notFinite?.iteration} though neither loss nor gradients had grown: a function met a number that it is not defined for, such as log(0)`,
      evidence: [{ label: "losses before", value: losses.join(", ") }],
      remedy:
        "give crossEntropy or binaryCrossEntropyWithLogits the logits themselves, or keep the argument of log, sqrt and division away from 0",
      layer: notFinite?.layer ?? undefined,
      site: placeOf(notFinite) ?? network.ending.site ?? access.training.site,
    },
  ];
}

function placeOf(finding: Situation["notFinite"]): Suspicion["site"] {
  return finding && finding.file !== null && finding.line !== null
    ? { file: finding.file, line: finding.line }
    : undefined;
}

function firstGradient({ curve }: Situation, layer: number): number {
  return curve.firstGradients[layer] || Infinity;
}

/** Share of units of a layer. Well below it networks learn without harm. */
const DEAD = 0.8;

export const dying: Rule = (situation) => {
  const { network, now, first, ripe, short, failed, notFinite } = situation;
  if (!(ripe || notFinite) || !(short || failed)) return [];
  const dead = network.layers
    .map((facts, i) => ({ facts, share: now.layers[i].dead, before: first.layers[i].dead }))
    .filter(({ share }) => share >= DEAD);
  const worst = dead.reduce<(typeof dead)[number] | undefined>((a, b) => (!a || b.share > a.share ? b : a), undefined);
  if (!worst) return [];
  const { facts, share, before } = worst;
  return [
    {
      code: "dying-relu",
      message: `${percent(share)} of the units of ${facts.name} are 0 for every example, so they get no gradient and stay that way`,
      evidence: [
        { label: "units without output now", value: percent(share) },
        { label: "before training", value: percent(before) },
        ...skillOf(situation),
      ],
      remedy:
        "lower the learning rate or warm it up, initialise by { initializer: heNormal(), biasInitializer: initializers.zeros }, or use leakyRelu",
      layer: facts.name,
      site: facts.site,
    },
  ];
};

const SATURATED = 0.85;

export const saturation: Rule = (situation) => {
  const { network, now, first, ripe, short, failed, improving, notFinite } = situation;
  if (!ripe || notFinite || !(failed || (short && !improving))) return [];
  const found = network.layers
    .map((facts, i) => ({ facts, share: now.layers[i].saturated, before: first.layers[i].saturated }))
    .filter(({ share }) => share >= SATURATED);
  const worst = found.reduce<(typeof found)[number] | undefined>(
    (a, b) => (!a || b.share > a.share ? b : a),
    undefined,
  );
  if (!worst) return [];
  const { facts, share, before } = worst;
  return [
    {
      code: "saturation",
      message: `${percent(share)} of what ${facts.name} gives lies in the flat ends of ${facts.activation ?? facts.type}, where the gradient is almost 0`,
      evidence: [
        { label: "in the flat ends now", value: percent(share) },
        { label: "before training", value: percent(before) },
        ...skillOf(situation),
      ],
      remedy:
        "start with smaller weights ({ initializer: xavierNormal() }), normalise the inputs, and at the output let binaryCrossEntropyWithLogits take the logits",
      layer: facts.name,
      site: facts.site,
    },
  ];
};

/** What the model achieves, as evidence. */
export function skillOf({ skill, attainable, first, now }: Situation): { label: string; value: string }[] {
  return [
    { label: "loss at the start and now", value: `${show(first.loss)}, ${show(now.loss)}` },
    ...(skill === undefined ? [] : [{ label: "skill (0 guessing, 1 perfect)", value: show(skill) }]),
    ...(attainable === undefined ? [] : [{ label: "skill of the nearest neighbours", value: show(attainable) }]),
  ];
}
