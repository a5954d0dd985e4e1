import { optionSite } from "../../train/training";
import { type Rule, type Situation, type Suspicion, evenly, percent, show } from "../situation";
import { skillOf } from "./flow";

/** How far each update goes, and what the loss makes of it. */

/** Of the weights, over all updates so far: what moved less is where it began. */
const UNMOVED = 0.03;
/** Gradient over weight, at least, for a gradient that is felt at any usual learning rate. */
const PULL = 1e-5;

export const noUpdate: Rule = (situation) => {
  const { curve, network, now, skill, ripe, drop, access, notFinite } = situation;
  if (!ripe || notFinite || (skill ?? 0) > 0.4) return [];
  const layers = trainedLayers(situation);
  const paths = layers.map((i) => curve.paths[i]);
  const gradients = layers.map((i) => now.layers[i].gradient).filter((g) => !Number.isNaN(g));
  const gradient = Math.max(0, ...gradients);
  // Without a gradient it is not the update's fault.
  const pull = layers.map((i) => now.layers[i].gradient / now.layers[i].weight).filter(Number.isFinite);
  if (layers.length === 0 || !(Math.max(0, ...pull) > PULL)) return [];
  const farthest = Math.max(...paths);
  const rates = curve.all.map(({ learningRate }) => learningRate);
  const decayed = (rates.at(-1) as number) < 1e-3 * Math.max(...rates);
  const site = decayed ? optionSite(access.training, "schedule") : optionSite(access.training, "optimizer");
  if (farthest > UNMOVED || drop > 0.05) return decayed ? stopped(situation, site) : [];
  return [
    {
      code: "no-update",
      message: `in ${situation.iteration} updates no layer moved by more than ${show(100 * farthest)} % of its weights: training stands still`,
      evidence: [
        { label: "way of all updates over the weights", value: show(farthest) },
        { label: "learning rate", value: show(rates.at(-1) ?? 0) },
        { label: "largest gradient", value: show(gradient) },
        ...skillOf(situation),
      ],
      remedy: `${whySmall(situation)}; a way of about 1 % of the weights in ten updates is usual`,
      layer: network.layers[layers[0]]?.name,
      site,
    },
  ];
};

/** What to raise. */
function whySmall({ access: { training } }: Situation): string {
  const { optimizer, clip } = training;
  const epsilon = optimizer.options.epsilon as number | undefined;
  if (epsilon !== undefined && epsilon > 1e-4)
    return `epsilon: ${show(epsilon)} is added to the root of the squared gradients and outweighs it; take 1e-8`;
  if (clip.norm !== undefined || clip.value !== undefined)
    return `raise learningRate (now ${show(optimizer.learningRate)}) or the limit in clip`;
  return `raise learningRate (now ${show(optimizer.learningRate)}), for instance a thousandfold, or let Find Learning Rate choose it`;
}

/** The schedule took the rate away before anything was learnt. */
function stopped(situation: Situation, site: Suspicion["site"]): Suspicion[] {
  const { curve, short, improving } = situation;
  const rates = curve.all.map(({ learningRate }) => learningRate);
  const most = Math.max(...rates);
  const gone = curve.all.findIndex(({ learningRate }, i) => i > rates.indexOf(most) && learningRate < 1e-3 * most);
  const share = gone < 0 ? 1 : curve.all[gone].iteration / situation.iteration;
  if (!short || improving || share > 0.6) return [];
  return [
    {
      code: "no-update",
      message: `the schedule had lowered the learning rate to ${show(curve.all[gone].learningRate)} by iteration ${curve.all[gone].iteration}, and nothing was learnt after it`,
      evidence: [
        { label: "highest and last learning rate", value: `${show(most)}, ${show(rates.at(-1) ?? 0)}` },
        ...skillOf(situation),
      ],
      remedy: "let the schedule fall more slowly, or over the whole run as cosine() does",
      site,
    },
  ];
}

function trainedLayers({ network, curve }: Situation): number[] {
  return network.layers.flatMap(({ trained }, i) => (trained.length > 0 && curve.paths[i] !== undefined ? [i] : []));
}

export const frozen: Rule = (situation) => {
  const { network, short, improving, ripe, skill, notFinite } = situation;
  if (!ripe || notFinite) return [];
  const poor = short && !improving;
  return [
    ...cutOff(situation, poor),
    ...(poor || (skill ?? 1) < 0.35 ? [...keptByFreeze(situation), ...leftBehind(situation)] : []),
  ].slice(0, network.layers.length);
};

/** Trained by name, but no gradient reaches them. */
function cutOff(situation: Situation, poor: boolean): Suspicion[] {
  const { network } = situation;
  const [one] = network.cut;
  if (!one) return [];
  const names = network.cut.map(({ name }) => name).join(", ");
  const layer = one.layer === undefined ? undefined : network.layers[one.layer];
  return [
    {
      code: "frozen-parameters",
      severity: poor ? "warning" : "information",
      message: `no gradient reaches ${names}: a stopGradient lies between them and the loss, so they keep their first values`,
      evidence: [{ label: "parameters without gradient", value: String(network.cut.length) }, ...skillOf(situation)],
      remedy: "remove the stopGradient, or freeze these layers on purpose by freeze(layer)",
      layer: layer?.name,
      site: one.barrier ?? layer?.site,
    },
  ];
}

function keptByFreeze(situation: Situation): Suspicion[] {
  const { network } = situation;
  const [one] = network.frozen;
  if (!one) return [];
  const names = network.frozen.map(({ name }) => name).join(", ");
  const layer = one.layer === undefined ? undefined : network.layers[one.layer];
  return [
    {
      code: "frozen-parameters",
      message: `${names} are frozen with the values they began with, and what is left to train does not learn the task`,
      evidence: [{ label: "frozen parameters", value: String(network.frozen.length) }, ...skillOf(situation)],
      remedy: "unfreeze them (unfreeze(layer)), or load trained values before freezing",
      layer: layer?.name,
      site: layer?.site,
    },
  ];
}

/** One layer moves a thousandth as far as the others, though its gradient is not that much smaller. */
function leftBehind(situation: Situation): Suspicion[] {
  const { curve, network, now } = situation;
  const layers = trainedLayers(situation).filter((i) => network.layers[i].weight !== undefined);
  if (layers.length < 2) return [];
  const farthest = Math.max(...layers.map((i) => curve.paths[i]));
  const strongest = Math.max(...layers.map((i) => now.layers[i].gradient));
  return layers
    .filter((i) => curve.paths[i] < 1e-3 * farthest && farthest > UNMOVED && now.layers[i].gradient > 1e-2 * strongest)
    .slice(0, 1)
    .map((i) => ({
      code: "frozen-parameters" as const,
      message: `${network.layers[i].name} moved ${show(curve.paths[i] / farthest)} as far as the layer that moved most, although its gradient is of the same size`,
      evidence: [
        { label: "way of all updates over the weights", value: show(curve.paths[i]) },
        { label: "of the layer that moved most", value: show(farthest) },
      ],
      remedy: "look at the optimiser's groups: one of them gives this layer a learning rate near 0",
      layer: network.layers[i].name,
      site: network.layers[i].site,
    }));
}

/** Updates that change half of a layer at once, or a tenth of it all the time, do not follow the gradient any more. */
const LEAP = 0.5;
const STRIDE = 0.1;

export const tooLarge: Rule = (situation) => {
  const { curve, network, bad, ripe, notFinite, access } = situation;
  if (!bad || !(ripe || notFinite)) return [];
  const layers = trainedLayers(situation).filter((i) => network.layers[i].weight !== undefined);
  const leap = layers.map((i) =>
    Math.max(
      0,
      ...curve.first
        .slice(0, 10)
        .map(({ ratios }) => ratios[i])
        .filter(Number.isFinite),
    ),
  );
  const last = curve.parts(4).at(-1);
  const stride = layers.map((i) => last?.ratios[i] ?? 0);
  const early = Math.max(0, ...leap);
  const late = Math.max(0, ...stride.filter(Number.isFinite));
  const highest = Math.max(...curve.all.map(({ most }) => most));
  // A leap does no harm where it helped: first weights may be small.
  const harmful = early >= LEAP && (notFinite !== undefined || highest > 1.3 * curve.first[0].loss);
  if (!harmful && late < STRIDE) return piledUp(situation, layers);
  const at = harmful ? leap.indexOf(early) : stride.indexOf(late);
  const { name } = network.layers[layers[at]];
  const rate = access.training.optimizer.learningRate;
  return [
    {
      code: "update-too-large",
      message: harmful
        ? `one of the first updates changed ${name} by ${percent(early)} of its weights: the steps are too large to follow the gradient`
        : `each update still changes ${name} by ${percent(late)} of its weights, and the loss does not settle`,
      evidence: [
        { label: "largest update over weights, first iterations", value: show(early) },
        { label: "update over weights, lately", value: show(late) },
        { label: "highest loss", value: show(highest) },
        ...skillOf(situation),
      ],
      remedy: `lower learningRate (now ${show(rate)}) ten- to a hundredfold, or begin with linearWarmup; about 0.001 of the weights per update is usual`,
      layer: name,
      site: optionSite(access.training, "optimizer"),
    },
  ];
};

/** At most this much momentum adds to a step. */
const PILED = 15;

/** Updates grow although gradients and learning rate do not: they add up over iterations. */
function piledUp(situation: Situation, layers: readonly number[]): Suspicion[] {
  const { curve, access, network } = situation;
  const parts = curve.parts(8);
  const [first, last] = [curve.firstSteps, parts.at(-1)];
  if (!last) return [];
  const grown = layers.map((i) => last.steps[i] / first[i]);
  const worst = Math.max(0, ...grown.filter(Number.isFinite));
  const at = layers[grown.indexOf(worst)];
  if (worst < PILED || !(last.gradients[at] > 0.5 * curve.firstGradients[at])) return [];
  return [
    {
      code: "update-too-large",
      message: `for the same gradient the updates of ${network.layers[at].name} have become ${show(worst)} times as large as in the first iteration: gradients add up`,
      evidence: [
        {
          label: "update over learning rate and gradient, now and first",
          value: `${show(last.steps[at])}, ${show(first[at])}`,
        },
        ...skillOf(situation),
      ],
      remedy: "let the optimiser see the gradient of one iteration only, or lower momentum",
      layer: network.layers[at].name,
      site: optionSite(access.training, "optimizer"),
    },
  ];
}

/** Of all the loss that was ever gained, how much was lost again on the way. */
const UPS_AND_DOWNS = 0.3;

export const oscillating: Rule = (situation) => {
  const { ripe, short, worse, improving, notFinite, access, curve, skill } = situation;
  const looks = evenly(situation.looks, 9);
  if (!ripe || notFinite || looks.length < 5 || !(worse || (short && (skill ?? 0) > 0))) return [];
  const losses = looks.map(({ loss }) => loss);
  const least = Math.min(...losses);
  const gained = losses[0] - least;
  let lost = 0;
  let reversals = 0;
  for (let i = 2; i < losses.length; i++) {
    const rise = losses[i] - losses[i - 1];
    if (rise > 0) lost += rise;
    if (i > 2 && rise * (losses[i - 1] - losses[i - 2]) < 0) reversals++;
  }
  if (gained < 0.05 * Math.abs(losses[0]) && !worse) return [];
  const share = lost / Math.max(gained, 0.05 * Math.abs(losses[0]));
  if (share < UPS_AND_DOWNS || reversals < 2 || (improving && !worse && share < 0.6)) return [];
  return [
    {
      code: "loss-oscillating",
      message: `the loss of the same examples goes up and down: of what was gained, ${percent(share)} was lost again between looks, and it stands at ${show(losses.at(-1) ?? NaN)} after ${show(least)}`,
      evidence: [
        { label: "loss at looks", value: losses.map(show).join(", ") },
        {
          label: "learning rates",
          value: `${show(Math.min(...curve.all.map((s) => s.learningRate)))} to ${show(Math.max(...curve.all.map((s) => s.learningRate)))}`,
        },
        ...skillOf(situation),
      ],
      remedy: `lower learningRate (now ${show(access.training.optimizer.learningRate)}, times the schedule), use larger batches, or let it fall by cosine()`,
      site: optionSite(access.training, access.training.schedule ? "schedule" : "optimizer"),
    },
  ];
};

/** Examples in the order of their classes, none after the other. */
export const unshuffled: Rule = (situation) => {
  const { data, access, short, ripe, notFinite } = situation;
  const { sorted } = data;
  if (!ripe || notFinite || !short || access.training.shuffle || sorted < 0.8) return [];
  return [
    {
      code: "loss-oscillating",
      message: `shuffle is off and ${percent(sorted)} of the examples follow one of their own class: each class makes the model forget the one before`,
      evidence: [{ label: "neighbours of the same class", value: percent(sorted) }, ...skillOf(situation)],
      remedy: "leave shuffle: false out, or mix the examples before",
      site: optionSite(access.training, "shuffle"),
    },
  ];
};

export const diverging: Rule = (situation) => {
  const { looks, first, now, ripe, access, notFinite } = situation;
  if (!ripe || notFinite) return [];
  const least = Math.min(...looks.map(({ loss }) => loss));
  if (!situation.worse || !(now.loss - least > 0.25 * Math.abs(first.loss))) return [];
  return [
    {
      code: "loss-diverging",
      message: `the loss rose from ${show(first.loss)} before training to ${show(now.loss)}`,
      evidence: [{ label: "loss at looks", value: looks.map(({ loss }) => show(loss)).join(", ") }],
      remedy: `lower learningRate (now ${show(access.training.optimizer.learningRate)}), and limit gradients by clip: { norm: 1 }`,
      site: optionSite(access.training, "optimizer"),
    },
  ];
};

/** Share of the loss that is gone, and way over the weights: with less of both the steps were too small for the run. */
const LITTLE_GAIN = 0.12;
const SHORT_WAY = 0.3;
/** Between the nearest neighbours and the model: far more is possible. */
const FAR = 0.35;

export const tooSlow: Rule = (situation) => {
  const { achieved, attainable, ripe, end, notFinite, drop, curve, access } = situation;
  const layers = trainedLayers(situation);
  if (!ripe || end === undefined || notFinite || layers.length === 0 || situation.worse) return [];
  const far = attainable === undefined ? situation.failed : attainable - (achieved ?? 0) > FAR;
  const farthest = Math.max(...layers.map((i) => curve.paths[i]));
  if (!far || (achieved ?? 0) > 0.35 || drop > LITTLE_GAIN || farthest > SHORT_WAY) return [];
  return [
    {
      code: "no-update",
      message: `all ${situation.iteration} updates together are ${percent(farthest)} of the weights, and ${percent(Math.max(0, drop))} of the loss is gone: the steps are too small to get anywhere in this run`,
      evidence: [
        { label: "way of all updates over the weights", value: show(farthest) },
        { label: "learning rate", value: show(curve.all.at(-1)?.learningRate ?? 0) },
        ...skillOf(situation),
      ],
      remedy: `${whySmall(situation)}; or train much longer`,
      site: optionSite(access.training, "optimizer"),
    },
  ];
};

export const notDecreasing: Rule = (situation) => {
  const { failed, improving, ripe, iteration, notFinite, access, achieved, attainable } = situation;
  const stuck =
    attainable !== undefined && achieved !== undefined && attainable - achieved > FAR && achieved < 0.6 * attainable;
  if (!(failed || stuck) || improving || !ripe || notFinite) return [];
  return [
    {
      code: "loss-not-decreasing",
      message: failed
        ? `after ${iteration} updates the model is no better than a constant prediction`
        : `the loss has stopped falling at a skill of ${show(achieved ?? NaN)}, where the nearest neighbours alone reach ${show(attainable ?? NaN)}`,
      evidence: skillOf(situation),
      remedy:
        "try Overfit One Batch: if that fails, look at loss and labels; if it works, change the learning rate or give the model more units",
      site: optionSite(access.training, "loss"),
    },
  ];
};
