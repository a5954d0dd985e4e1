import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import {
  type Schedule,
  type ScheduleContext,
  constantRate,
  cosine,
  exponentialDecay,
  linearWarmup,
  oneCycle,
  reduceOnPlateau,
  scheduledRate,
  sequence,
  stepDecay,
} from "../../engine/optim";
import { assertClose } from "../support/numbers";

type Rates = Readonly<Record<string, readonly number[]>>;
const torch = JSON.parse(readFileSync("test/fixtures/torch/optim-schedules.json", "utf8")) as Rates;
const losses = torch.losses.map(Number);

/** A run of 5 epochs of 4 iterations. */
function at(iteration: number, changes: Partial<ScheduleContext> = {}): ScheduleContext {
  return {
    base: 0.1,
    iteration,
    epoch: Math.floor(iteration / 4),
    iterationsPerEpoch: 4,
    epochs: 5,
    losses: [],
    ...changes,
  };
}

function ratesOf(schedule: Schedule, count = 20, changes: Partial<ScheduleContext> = {}): number[] {
  return Array.from({ length: count }, (_, i) => schedule.rate(at(i, changes)));
}

describe("schedules: PyTorch's rates", () => {
  const perEpoch: Readonly<Record<string, Schedule>> = {
    stepDecay: stepDecay({ every: 3, factor: 0.5 }),
    exponentialDecay: exponentialDecay({ factor: 0.9 }),
  };
  const perIteration: Readonly<Record<string, Schedule>> = {
    cosine: cosine(),
    "cosine minimum": cosine({ minimum: 0.01, epochs: 5 }),
    linearWarmup: linearWarmup({ iterations: 5 }),
    "warmup then stepDecay": linearWarmup({ epochs: 1, then: stepDecay({ every: 1, factor: 0.5 }) }),
    oneCycle: oneCycle(),
    "oneCycle options": oneCycle({ maximum: 0.4, warmupFraction: 0.45, startDivisor: 10, finalDivisor: 100 }),
  };
  const plateau: Readonly<Record<string, Schedule>> = {
    plateau: reduceOnPlateau({ patience: 2 }),
    "plateau options": reduceOnPlateau({ factor: 0.5, patience: 1, threshold: 0.02, minimum: 0.02 }),
    "plateau patience 0": reduceOnPlateau({ patience: 0 }),
    "plateau defaults": reduceOnPlateau(),
  };

  it("have a fixture each", () => {
    const names = [perEpoch, perIteration, plateau].flatMap(Object.keys);
    assert.deepEqual(["losses", ...names].sort(), Object.keys(torch).sort());
  });
  for (const [name, schedule] of Object.entries(perEpoch)) {
    it(name, () =>
      assertEach(
        torch[name].map((_, epoch) => schedule.rate(at(epoch * 4 + 3))),
        torch[name],
      ),
    );
  }
  for (const [name, schedule] of Object.entries(perIteration)) {
    it(name, () => assertEach(ratesOf(schedule, torch[name].length), torch[name]));
  }
  for (const [name, schedule] of Object.entries(plateau)) {
    it(name, () => {
      const rates = torch[name].map((_, epoch) => schedule.rate(at(epoch * 4, { losses: losses.slice(0, epoch) })));
      assertEach(rates, torch[name]);
    });
  }
});

describe("schedules: definitions", () => {
  it("constantRate is the base rate", () => assert.deepEqual(ratesOf(constantRate(), 3), [0.1, 0.1, 0.1]));

  it("stepDecay is η₀γ^⌊epoch/size⌋", () => {
    const schedule = stepDecay({ every: 2, factor: 0.5 });
    const rates = [0, 1, 2, 3, 4, 5].map((epoch) => schedule.rate(at(0, { epoch, base: 8 })));
    assert.deepEqual(rates, [8, 8, 4, 4, 2, 2]);
  });

  it("exponentialDecay is η₀γⁿ", () => {
    const schedule = exponentialDecay({ factor: 0.5 });
    assert.deepEqual(
      [0, 1, 2, 3].map((epoch) => schedule.rate(at(0, { epoch, base: 8 }))),
      [8, 4, 2, 1],
    );
  });

  it("cosine is at its middle halfway, at its minimum at its end and beyond", () => {
    const schedule = cosine({ epochs: 2, minimum: 0.02 });
    assertClose(
      [schedule.rate(at(4)), schedule.rate(at(8)), schedule.rate(at(19))],
      [0.06, 0.02, 0.02],
      1e-15,
      "cosine",
    );
    assert.equal(cosine({ minimum: 1 }).rate(at(10)), 0.1, "a minimum above the base rate does not raise it");
  });

  it("what follows a warm-up counts from its end, over what is left", () => {
    const schedule = linearWarmup({ iterations: 4, then: cosine() });
    // Iteration 12 of 20 is 8 of 16: halfway down.
    assertEach([schedule.rate(at(3)), schedule.rate(at(4)), schedule.rate(at(12))], [0.1, 0.1, 0.05]);
  });

  it("a warm-up of a part of an epoch is rounded up to whole iterations", () => {
    assertEach(ratesOf(linearWarmup({ epochs: 0.6 }), 4), [0.1 / 3, 0.2 / 3, 0.1, 0.1]);
  });

  it("a plateau after a warm-up looks at the epochs that ended after it", () => {
    const schedule = linearWarmup({ epochs: 2, then: reduceOnPlateau({ patience: 0 }) });
    assert.equal(schedule.rate(at(8, { losses: [1, 2] })), 0.1);
    assertEach([schedule.rate(at(16, { losses: [1, 2, 3, 4] }))], [0.01]);
  });

  it("sequence gives each part its own begin and length", () => {
    const schedule = sequence([
      { schedule: linearWarmup({ iterations: 2 }), iterations: 2 },
      { schedule: cosine(), iterations: 8 },
      { schedule: constantRate() },
    ]);
    // Position 4 of the second part's 8 is halfway down.
    const rates = [0, 1, 2, 6, 10, 19].map((iteration) => schedule.rate(at(iteration)));
    assertEach(rates, [0.05, 0.1, 0.1, 0.05, 0.1, 0.1]);
  });

  it("the last part of a sequence goes on past its length", () => {
    const schedule = sequence([
      { schedule: constantRate(), epochs: 1 },
      { schedule: cosine({ minimum: 0.03 }), epochs: 2 },
    ]);
    assertEach(
      [schedule.rate(at(3)), schedule.rate(at(8)), schedule.rate(at(12)), schedule.rate(at(19))],
      [0.1, 0.065, 0.03, 0.03],
    );
  });

  it("oneCycle starts, tops and ends where it says, also in very short runs", () => {
    const rates = ratesOf(oneCycle({ startDivisor: 10, finalDivisor: 100 }));
    assertEach([rates[0], Math.max(...rates), rates[19]], [0.01, 0.1, 0.0001]);
    for (const epochs of [1, 2, 3]) {
      for (const rate of ratesOf(oneCycle(), epochs, { epochs, iterationsPerEpoch: 1 }))
        assert.ok(rate > 0 && rate <= 0.1);
    }
  });

  it("ask nothing but the context: any order gives the same rates", () => {
    const schedule = linearWarmup({ iterations: 3, then: oneCycle() });
    const forward = ratesOf(schedule);
    const backward = Array.from({ length: 20 }, (_, i) => schedule.rate(at(19 - i))).reverse();
    assert.deepEqual(backward, forward);
  });

  it("show their options", () => {
    assert.deepEqual(stepDecay({ every: 3 }).options, { every: 3, factor: 0.1 });
    assert.deepEqual(linearWarmup({ epochs: 1, then: cosine() }).options, {
      iterations: undefined,
      epochs: 1,
      then: { name: "cosine", minimum: 0, epochs: undefined },
    });
  });
});

describe("schedules: errors", () => {
  const call = (make: unknown, given: unknown): Schedule => (make as (given: unknown) => Schedule)(given);
  const wrong: readonly (readonly [make: unknown, given: unknown, message: string])[] = [
    [stepDecay, {}, "stepDecay: every is missing: give a whole number from 1 upwards"],
    [stepDecay, { every: 0 }, "stepDecay: every must be a whole number from 1 upwards, got 0"],
    [stepDecay, { step_size: 1 }, 'stepDecay: there is no option "step_size"; did you mean every?'],
    [stepDecay, { every: 1, gamma: 0.1 }, 'stepDecay: there is no option "gamma"; did you mean factor?'],
    [stepDecay, { every: 1, factor: 2 }, "stepDecay: factor must be a number above 0 and at most 1, got 2"],
    [exponentialDecay, { factor: 0 }, "exponentialDecay: factor must be a number above 0 and at most 1, got 0"],
    [exponentialDecay, 0.9, "exponentialDecay: options are given as an object such as { factor: … }, got 0.9"],
    [cosine, { epochs: -1 }, "cosine: epochs must be a number above 0, got -1"],
    [cosine, { minimun: 0 }, 'cosine: there is no option "minimun"; did you mean minimum?'],
    [linearWarmup, {}, "linearWarmup: give either iterations or epochs as the length"],
    [
      linearWarmup,
      { iterations: 1, epochs: 1 },
      "linearWarmup: give either iterations or epochs as the length, not both",
    ],
    [
      linearWarmup,
      { epochs: 1, then: cosine },
      "linearWarmup: then must be a schedule such as cosine(), got a function",
    ],
    [reduceOnPlateau, { patience: 1.5 }, "reduceOnPlateau: patience must be a whole number from 0 upwards, got 1.5"],
    [oneCycle, { warmupFraction: 2 }, "oneCycle: warmupFraction must be a number from 0 to 1, got 2"],
    [oneCycle, { max_lr: 2 }, 'oneCycle: there is no option "max_lr"; did you mean maximum?'],
    [
      sequence,
      [{ schedule: constantRate() }, { schedule: cosine() }],
      "sequence: part 1: give either iterations or epochs as the length",
    ],
    [sequence, [{ epochs: 1 }], "sequence: part 1: schedule is missing: give a schedule such as cosine()"],
  ];
  for (const [make, given, message] of wrong) {
    it(message, () => assert.throws(() => call(make, given), { message }));
  }
  it("an empty sequence", () => assert.throws(() => sequence([]), /^Error: sequence: needs a list such as/));

  it("a schedule of the user's own is held to a usable number", () => {
    const own = (rate: number): Schedule => ({ name: "mine", rate: () => rate });
    assert.equal(scheduledRate(undefined, at(0)), 0.1);
    assert.equal(scheduledRate(own(0), at(0)), 0);
    assert.equal(scheduledRate(own(0.3), at(0)), 0.3);
    for (const rate of [NaN, -1, Infinity]) {
      assert.throws(() => scheduledRate(own(rate), at(7)), {
        message: `schedule mine: the learning rate at iteration 7 must be a number from 0 upwards, got ${rate}`,
      });
    }
  });
});

/** Each number on its own, as rates span decades. */
function assertEach(actual: readonly number[], expected: readonly number[]): void {
  assert.equal(actual.length, expected.length);
  actual.forEach((rate, i) => assertClose([rate], [expected[i]], 1e-12, `number ${i}`));
}
