import { optionSite } from "../../train/training";
import { type Rule, type Situation, percent, show } from "../situation";
import { skillOf } from "./flow";

/** What validation and labels say. */

/** Between the skill on training and on validation examples. */
const GAP = 0.22;
/** A model that does so well on examples it has not seen is of use, whatever it remembers. */
const USEFUL = 0.72;
const WIDE_GAP = 0.3;

export const overfitting: Rule = (situation) => {
  const { skill, held, ripe, epochs, validation, train, access, notFinite, now } = situation;
  if (!ripe || notFinite || skill === undefined || held === undefined || skill < 0.6) return [];
  const losses = epochs.flatMap(({ validation: v }) => (v ? [v.loss] : []));
  const least = Math.min(...losses, validation?.loss ?? Infinity);
  const rise = (validation?.loss ?? NaN) / least;
  const gap = skill - Math.max(held, -1);
  if (gap < GAP || (gap < WIDE_GAP && !(rise > 1.25))) return [];
  if (!((validation?.loss ?? 0) > 1.3 * (train ?? now).loss)) return [];
  return [
    {
      code: "overfitting",
      // What still does well on new examples may go on.
      severity: held < USEFUL ? "warning" : "information",
      message: `the model knows its training examples (skill ${show(skill)}) but not those held out (${show(held)}); validation loss is ${show(rise)} times its best`,
      evidence: [
        {
          label: "loss on training and validation examples",
          value: `${show((train ?? now).loss)}, ${show(validation?.loss ?? NaN)}`,
        },
        { label: "least validation loss", value: show(least) },
        { label: "training examples", value: String(situation.examples) },
      ],
      remedy:
        "get more examples or augment(data, …), stop in time by earlyStopping: { patience: 3 }, or use a smaller model, weightDecay or new Dropout(0.3)",
      site: optionSite(access.training, "data"),
    },
  ];
};

export const labels: Rule = (situation) => {
  const { skill, held, ripe, neighbours, access, notFinite, data, train, now } = situation;
  if (!ripe || notFinite || skill === undefined) return [];
  const site = optionSite(access.training, "data");
  const near = neighbours?.train;
  const nearHeld = neighbours?.validation;
  if (
    held !== undefined &&
    skill > 0.4 &&
    held < 0.4 * skill &&
    near !== undefined &&
    nearHeld !== undefined &&
    near > 0.3 &&
    nearHeld < 0.4 * near
  ) {
    return [
      {
        code: "label-mismatch",
        message: `neighbours among the training examples predict training labels (skill ${show(near)}) but not validation labels (${show(nearHeld)}): the two parts are labelled differently`,
        evidence: [
          { label: "skill on training and validation examples", value: `${show(skill)}, ${show(held)}` },
          { label: "of neighbours", value: `${show(near)}, ${show(nearHeld)}` },
          ...permutation(situation),
        ],
        remedy:
          "compare how both parts number their classes, such as the order of folders or of a label encoder fitted twice",
        site: optionSite(access.training, "validation") ?? site,
      },
    ];
  }
  // Of numbers a few outliers do the same, and mean nothing.
  if ((train ?? now).score?.task === "classes" && held !== undefined && held - skill > 0.15 && skill < 0.85) {
    return [
      {
        code: "label-mismatch",
        severity: held < 0.6 ? "warning" : "information",
        message: `held-out examples are predicted better (skill ${show(held)}) than those trained on (${show(skill)}): many training labels are wrong`,
        evidence: [{ label: "skill on training and validation examples", value: `${show(skill)}, ${show(held)}` }],
        remedy: "look at the training examples with the highest loss, and how they got their labels",
        site,
      },
    ];
  }
  const enough = situation.examples >= 200 && situation.examples >= 3 * situation.features;
  const counts = data.target?.counts.filter((n) => n > 0) ?? [];
  // Where one class outweighs the others, neighbours are all of it.
  const uneven = counts.length > 1 && Math.min(...counts) < RARE * Math.max(...counts);
  const unrelated = !uneven && near !== undefined && near < 0.1 && (held === undefined ? skill < 0.1 : held < 0.1);
  if (!unrelated || !enough || data.target === undefined) return [];
  return [
    {
      code: "label-mismatch",
      message: `targets do not depend on the inputs: neither the model (skill ${show(held ?? skill)} on examples it has not seen) nor the nearest neighbours (${show(near)}) can tell them`,
      evidence: skillOf(situation),
      remedy:
        "check that inputs and labels belong together: shuffled or sorted apart, shifted by a row, or joined by the wrong key",
      site,
    },
  ];
};

/** Where most examples of a class are taken for one other, as after renumbering. */
function permutation({ validation }: Situation): { label: string; value: string }[] {
  const confusion = validation?.score?.confusion ?? [];
  const moved = confusion.flatMap((row, label) => {
    const total = row.reduce((sum, n) => sum + n, 0);
    const most = row.indexOf(Math.max(...row));
    return total > 0 && most !== label && row[most] > 0.6 * total ? [`${label} as ${most}`] : [];
  });
  return moved.length === 0 ? [] : [{ label: "classes taken for another", value: moved.join(", ") }];
}

/** Examples of a class to those of the most frequent one. */
const RARE = 0.25;
const HANDFUL = 5;

export const imbalance: Rule = (situation) => {
  const { data, train, validation, ripe, access, notFinite, end, improving } = situation;
  const score = validation?.score ?? train?.score ?? situation.now.score;
  const counts = data.target?.counts ?? [];
  if (!ripe || notFinite || (end === undefined && improving) || !score || score.task !== "classes" || counts.length < 2)
    return [];
  const most = Math.max(...counts);
  const common = counts.indexOf(most);
  const missed = counts.flatMap((n, label) => {
    const recall = score.recalls[label];
    // Of a handful of examples nothing can be said.
    const known = n >= HANDFUL && score.counts[label] >= HANDFUL;
    return known && n <= RARE * most && recall < 0.35 ? [{ label, n, recall }] : [];
  });
  if (missed.length === 0 || !(score.recalls[common] > 0.6)) return [];
  const [worst] = [...missed].sort((a, b) => a.recall - b.recall);
  const name = data.target?.spec.classNames?.[worst.label] ?? String(worst.label);
  return [
    {
      code: "class-imbalance",
      message: `class ${name} has ${worst.n} examples against ${most} of the most frequent class, and ${percent(worst.recall)} of it is recognised`,
      evidence: [
        { label: "examples of each class", value: counts.join(", ") },
        { label: "recognised of each class", value: score.recalls.map((recall) => percent(recall || 0)).join(", ") },
        { label: "accuracy", value: percent(score.accuracy) },
      ],
      remedy: "draw rare classes more often, weight their loss, or get more of them; judge by recall, not by accuracy",
      site: optionSite(access.training, "data"),
    },
  ];
};
