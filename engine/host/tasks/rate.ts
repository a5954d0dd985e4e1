import type { Schedule } from "../../optim/schedules";
import { runTraining } from "../../train/run";
import { userFailure } from "../failure";
import type { RateResult, RateTask } from "../messages";
import { originOf } from "../program";
import type { Session } from "../session";
import { createCpuBackend } from "../cpu";
import { loadSoundTraining } from "./common";
import { changedTraining } from "./train";

/** The range that is tried, in this many updates, the rate growing by the same factor each time. */
const [LEAST, MOST, UPDATES] = [1e-6, 10, 120];
/** The loss is smoothed by an EWMA with this β before it is judged. */
const SMOOTHING = 0.9;
/** The test ends once the smoothed loss is this many times the best so far. */
const BLOWN_UP = 4;

/** The learning-rate range test of Smith (2017): trains afresh while the rate grows, until the loss blows up. */
export async function findRate(task: RateTask, session: Session): Promise<void> {
  const { program, training, files } = await loadSoundTraining(session);
  const points: { rate: number; loss: number }[] = [];
  const smoothed: number[] = [];
  const schedule: Schedule = {
    name: "rangeTest",
    rate: ({ iteration }) => LEAST * (MOST / LEAST) ** (iteration / (UPDATES - 1)),
  };
  const tested = changedTraining(training, {
    schedule,
    epochs: Infinity,
    maxSteps: UPDATES,
    validation: false,
    earlyStopping: undefined,
    tolerance: 0,
    workers: 0,
    metrics: [],
  });
  let mean = 0;
  const blown = (): boolean => smoothed.length > 10 && (smoothed.at(-1) as number) > BLOWN_UP * Math.min(...smoothed);
  try {
    await runTraining(
      tested,
      { backend: await createCpuBackend(task), files, now: () => performance.now() },
      {
        onEvent: (event) => {
          if (event.type !== "iteration" || !Number.isFinite(event.loss)) return;
          points.push({ rate: event.learningRate, loss: event.loss });
          mean = SMOOTHING * mean + (1 - SMOOTHING) * event.loss;
          smoothed.push(mean / (1 - SMOOTHING ** points.length));
        },
        interrupted: async () => {
          await session.turnOrThrow();
          return blown();
        },
      },
    );
  } catch (error) {
    throw userFailure(error, originOf(program));
  }
  const result: RateResult = {
    points,
    suggestion: suggest(points, smoothed),
    current: training.optimizer.learningRate,
  };
  session.send({ kind: "rate", result });
  session.send({ kind: "done", exitCode: 0 });
}

/**
 * Where the smoothed loss falls fastest per decade of the rate. What comes after the lowest point is the blow-up, and at the lowest
 * point itself the rate is already on the edge.
 */
export function suggest(points: readonly { rate: number }[], smoothed: readonly number[]): number | null {
  const lowest = smoothed.indexOf(Math.min(...smoothed));
  const reach = 5;
  let best: { slope: number; rate: number } | undefined;
  for (let i = reach; i + reach <= lowest; i++) {
    const decades = Math.log10(points[i + reach].rate / points[i - reach].rate);
    const slope = (smoothed[i + reach] - smoothed[i - reach]) / decades;
    if (slope < 0 && (!best || slope < best.slope)) best = { slope, rate: points[i].rate };
  }
  return best ? Number(best.rate.toPrecision(2)) : null;
}
