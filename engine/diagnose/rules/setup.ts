import { optionSite } from "../../train/training";
import { type Rule, type Situation, type Suspicion, percent, show } from "../situation";
import { skillOf } from "./flow";

/** What was set up wrong before the first iteration. */

/** Of weight · √inputs, that is the factor by which a layer changes the size of what it is given: about 1 is usual. */
const TINY = 0.12;
const HUGE = 4;

export const initialisation: Rule = (situation) => {
  const { network, initial, bad, short, ripe, notFinite } = situation;
  if (!(ripe || notFinite) || !bad) return [];
  const gains = network.layers.flatMap((facts, index) => {
    const known = facts.weight && initial.get(facts.weight.name);
    return facts.weight && known
      ? [{ facts, index, gain: known.scale * Math.sqrt(facts.weight.fanIn), alike: known.alike }]
      : [];
  });
  const hidden = gains.filter(({ index }) => index !== network.last);
  const huge = gains.filter(({ gain, facts }) => gain > HUGE && (facts.weight?.fanIn ?? 0) > 1);
  const tiny = hidden.filter(({ gain, alike }) => gain < TINY && !(alike && gain > 0));
  const alike = hidden.filter((each) => each.alike && each.facts.weight !== undefined);
  const found: Suspicion[] = [];
  const suspect = ({ facts }: (typeof gains)[number], message: string): Suspicion => ({
    code: "poor-initialisation",
    message,
    evidence: [
      { label: "factors weight·√inputs", value: gains.map(({ gain }) => show(gain)).join(", ") },
      ...skillOf(situation),
    ],
    remedy: `new ${facts.type}(…, { initializer: heNormal() }) before relu, xavierNormal() before tanh and sigmoid, or leave initializer out`,
    layer: facts.name,
    site: facts.site,
  });
  if (huge.length > 0) {
    const worst = huge.reduce((a, b) => (b.gain > a.gain ? b : a));
    found.push(
      suspect(
        worst,
        `the first weights of ${worst.facts.name} are so large that it multiplies its input about ${show(worst.gain)}-fold; the loss began at ${show(situation.first.loss)}`,
      ),
    );
  } else if (short && alike.length > 0) {
    found.push(
      suspect(
        alike[0],
        `all units of ${alike[0].facts.name} began with the same weights, so they learn the same and stay alike`,
      ),
    );
  } else if (short && !situation.improving && tiny.length > 0 && tiny.length * 2 >= hidden.length) {
    const worst = tiny.reduce((a, b) => (b.gain < a.gain ? b : a));
    found.push(
      suspect(
        worst,
        `the first weights of ${worst.facts.name} are so small that it shrinks its input to ${show(worst.gain)}; after ${hidden.length + 1} layers examples can hardly be told apart`,
      ),
    );
  }
  const shrunk = gains.filter(
    ({ index }) => situation.first.layers[index].spread < SHRUNK * spreadOf(situation, gains[0].index),
  );
  if (
    found.length === 0 &&
    short &&
    !situation.improving &&
    shrunk.length > 0 &&
    gains.every(({ facts }) => !FLAT.has(facts.activation ?? ""))
  ) {
    const [least] = shrunk;
    found.push(
      suspect(
        least,
        `before training, what differs from example to example had shrunk to ${show(situation.first.layers[least.index].spread)} on the way to ${least.facts.name}: the first weights are too small for ${gains.length} layers`,
      ),
    );
  }
  return found;
};

/** Of the differences between examples, from the first layer to a later one. */
const SHRUNK = 1e-3;
/** Functions that shrink by themselves: there it is a gradient that vanishes. */
const FLAT = new Set(["sigmoid", "tanh"]);

function spreadOf({ first }: Situation, layer: number): number {
  return first.layers[layer].spread;
}

/** Root mean square of the inputs; initialisers and learning rates are made for about 1. */
const LARGE_INPUT = 15;
const SMALL_INPUT = 0.02;
/** Of the widest feature to the usual one. */
const UNEVEN = 25;
/** Mean over standard deviation: the inputs are almost constant. */
const OFF_CENTRE = 8;

export const inputs: Rule = (situation) => {
  const { data, network, bad, ripe, access, notFinite, improving, failed } = situation;
  if (!(ripe || notFinite) || !bad || network.normalisesInput || (improving && !failed)) return [];
  const [input] = data.inputs;
  const site = optionSite(access.training, "data");
  const found: Suspicion[] = [];
  if (input && input.std > 0) {
    const spread = input.usual === 0 ? 1 : input.widest / input.usual;
    const reasons = [
      input.scale > LARGE_INPUT && `inputs have the size ${show(input.scale)}`,
      input.scale < SMALL_INPUT && `inputs have the size ${show(input.scale)} only`,
      spread > UNEVEN && `one feature varies ${show(spread)} times as much as the usual one`,
      Math.abs(input.mean) / input.std > OFF_CENTRE &&
        `inputs lie around ${show(input.mean)} and vary by ${show(input.std)} only`,
    ].filter((reason) => reason !== false);
    if (reasons.length > 0) {
      found.push({
        code: "unnormalised-input",
        message: `${reasons.join(", and ")}: learning rates and initial weights are made for inputs with mean 0 and deviation 1`,
        evidence: [
          { label: "mean and standard deviation of the inputs", value: `${show(input.mean)}, ${show(input.std)}` },
          {
            label: "deviation of the widest and the usual feature",
            value: `${show(input.widest)}, ${show(input.usual)}`,
          },
          ...skillOf(situation),
        ],
        remedy:
          'normalize(data) scales each feature to mean 0 and deviation 1; split first: normalize(splitData(data, { validation: 0.2 }), "standard")',
        site,
      });
    }
  }
  const { target } = data;
  const size = target ? Math.max(target.std, Math.abs(target.mean)) : 1;
  if (
    found.length === 0 &&
    target &&
    target.spec.dtype === "float32" &&
    size > LARGE_INPUT &&
    target.counts.length === 0 &&
    network.ending.kind === "other"
  ) {
    found.push({
      code: "unnormalised-input",
      message: `targets have mean ${show(target.mean)} and deviation ${show(target.std)}, far from what a network gives at the start`,
      evidence: [
        { label: "smallest and largest target", value: `${show(target.low)}, ${show(target.high)}` },
        ...skillOf(situation),
      ],
      remedy: "scale the targets to mean 0 and deviation 1 by data.map(…), and scale predictions back",
      site,
    });
  }
  return found;
};

/** Share of targets that an ending cannot reach. */
const UNREACHABLE = 0.1;

/** Whether loss, last function and targets belong together. */
export const mismatch: Rule = (situation) => {
  const { network, data, short, failed, ripe, access, skill, first } = situation;
  const [low, high] = first.range;
  const { loss, ending } = network;
  const { target } = data;
  const site = ending.site ?? optionSite(access.training, "loss");
  const well = ripe && (skill ?? 0) > 0.95;
  const suspect = (
    message: string,
    remedy: string,
    severity: Suspicion["severity"] = well ? "information" : "warning",
  ): Suspicion[] => [
    {
      code: "loss-activation-mismatch",
      severity,
      message,
      evidence: [
        { label: "loss", value: loss ?? "own function" },
        { label: "last function", value: ending.kind },
        ...(target ? [{ label: "targets", value: `${show(target.low)} to ${show(target.high)}` }] : []),
        ...(ripe ? skillOf(situation) : []),
      ],
      remedy,
      site,
    },
  ];
  if (ending.overBatch)
    return suspect(
      "the softmax runs over the examples of the batch, not over the classes",
      "give softmax the class axis: softmax(z, -1)",
      "warning",
    );
  if ((ending.kind === "softmax" || ending.kind === "logSoftmax") && ending.width === 1)
    return suspect(
      "softmax of a single unit is always 1, whatever the input",
      "use sigmoid with one unit, or binaryCrossEntropyWithLogits without either",
      "warning",
    );
  if (loss === "crossEntropy" && (ending.kind === "softmax" || ending.kind === "sigmoid"))
    return suspect(
      `crossEntropy applies softmax itself, but is given the result of a ${ending.kind}: gradients become small and no class can be certain`,
      `remove the ${ending.kind}: give crossEntropy the logits`,
    );
  if (loss === "binaryCrossEntropyWithLogits" && (ending.kind === "sigmoid" || ending.kind === "softmax"))
    return suspect(
      `binaryCrossEntropyWithLogits applies sigmoid itself, but is given the result of a ${ending.kind}`,
      `remove the ${ending.kind}, or use binaryCrossEntropy`,
    );
  if (loss === "nll" && ending.kind !== "logSoftmax" && high > 1e-3)
    return suspect(
      `nll needs log-probabilities, but is given ${ending.kind === "other" ? "plain numbers" : `the result of a ${ending.kind}`}`,
      "use logSoftmax before nll, or crossEntropy on the logits",
      "warning",
    );
  if (loss === "binaryCrossEntropy" && (low < -1e-3 || high > 1.001))
    return suspect(
      "binaryCrossEntropy needs probabilities from 0 to 1, but is given numbers of any size",
      "use binaryCrossEntropyWithLogits, or sigmoid before the loss",
    );
  if (target && target.spec.dtype === "float32") {
    const outside = target.negative + target.above;
    if (loss?.startsWith("binaryCrossEntropy") && outside > 0)
      return suspect(
        `${loss} needs targets from 0 to 1, but they go from ${show(target.low)} to ${show(target.high)}`,
        "give the classes as 0 and 1",
        "warning",
      );
    if ((loss === "hinge" || loss === "perceptronLoss") && target.low >= 0)
      return suspect(
        `${loss} needs targets −1 and 1, but they go from ${show(target.low)} to ${show(target.high)}`,
        "give the classes as −1 and 1",
        "warning",
      );
    const unreachable =
      ending.kind === "sigmoid" || ending.kind === "softmax"
        ? outside
        : ending.kind === "relu"
          ? target.negative
          : ending.kind === "tanh" && (target.high > 1.05 || target.low < -1.05)
            ? Math.max(0, 1 - Math.min(1, 1 / Math.max(1e-9, target.std + Math.abs(target.mean))))
            : 0;
    if (unreachable > UNREACHABLE && (skill ?? 0) < 0.9)
      return suspect(
        `${ending.kind} cannot reach ${percent(unreachable)} of the targets, which go from ${show(target.low)} to ${show(target.high)}`,
        `leave the ${ending.kind} out, or scale the targets into its range`,
        "warning",
      );
  }
  if (
    ripe &&
    (short || failed) &&
    (loss === "crossEntropy" || loss === "binaryCrossEntropyWithLogits") &&
    (ending.kind === "relu" || ending.kind === "tanh")
  )
    return suspect(
      `the logits pass a ${ending.kind}, which keeps them from ${ending.kind === "relu" ? "being negative" : "being large"}`,
      `remove the ${ending.kind} after the last layer`,
    );
  return [];
};

export const linearity: Rule = (situation) => {
  const { network, short, ripe, attainable, achieved, improving, notFinite, failed } = situation;
  if (!ripe || notFinite || network.nonlinear || !short || (improving && !failed)) return [];
  const [pair] = network.linearPairs;
  // A single linear layer may be meant, and do well enough.
  const better = attainable !== undefined && achieved !== undefined && attainable - achieved > 0.4;
  if (!pair && !better) return [];
  const layer = network.layers[pair?.[0] ?? network.last ?? 0];
  const after = pair && network.layers[pair[1]];
  return [
    {
      code: "missing-nonlinearity",
      message: after
        ? `nothing nonlinear comes between ${layer.name} and ${after.name}, so together they are one linear layer, and that does not fit the task`
        : `the model is linear in its inputs, and that does not fit the task`,
      evidence: [
        { label: "pairs of layers with nothing between", value: String(network.linearPairs.length) },
        ...skillOf(situation),
      ],
      remedy: after ? `apply relu to the output of ${layer.name}` : "add a hidden layer with relu",
      layer: layer.name,
      site: layer.site,
    },
  ];
};

/** Shares of what is dropped: one layer's, and that of all in a row. */
const DROPPED = 0.55;
/** From here on it is the first suspect, whatever the loss says. */
const MOST_DROPPED = 0.7;

export const dropout: Rule = (situation) => {
  const { network, short, ripe, now, curve, failed, notFinite } = situation;
  if (!ripe || notFinite || !short || network.dropouts.length === 0) return [];
  const highest = network.dropouts.reduce((a, b) => (b.rate > a.rate ? b : a));
  const kept = network.dropouts.reduce((product, { rate }) => product * (1 - rate), 1);
  const training = curve.parts(8).at(-1)?.mean ?? NaN;
  if (highest.rate < DROPPED && kept > 0.2) return [];
  if (!(training > now.loss * 1.05) && !failed && highest.rate < MOST_DROPPED) return [];
  const place = highest.layer === undefined ? "" : ` in ${highest.layer}`;
  return [
    {
      code: "too-much-dropout",
      message: `dropout of ${percent(highest.rate)}${place} leaves too little to learn from: the loss is ${show(training)} with it and ${show(now.loss)} without`,
      evidence: [
        { label: "rates", value: network.dropouts.map(({ rate }) => show(rate)).join(", ") },
        { label: "share that passes all of them", value: percent(kept) },
        ...skillOf(situation),
      ],
      remedy: "lower the rate to 0.1…0.3, keep dropout away from the inputs, or widen the layers",
      layer: highest.layer,
      site: highest.site,
    },
  ];
};
