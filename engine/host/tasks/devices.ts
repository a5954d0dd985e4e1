import type { Backend } from "../../backends/backend";
import { runTraining } from "../../train/run";
import { createCpuBackend } from "../cpu";
import { userFailure } from "../failure";
import { createGpuBackend } from "../gpu";
import type { DeviceFigures, DevicesTask } from "../messages";
import { originOf } from "../program";
import type { Session } from "../session";
import { type SoundTraining, loadSoundTraining } from "./common";
import { changedTraining } from "./train";

/** Milliseconds that each device is measured for, once it is warm, and updates that warm it up. */
const MEASURED_MS = 2000;
const [WARM_MS, WARM_UPDATES] = [1000, 5];

/** Says what this machine can compute on, and, of a model file, how fast each trains it. */
export async function compareDevices(task: DevicesTask, session: Session): Promise<void> {
  const sound = task.measure ? await loadSoundTraining(session) : undefined;
  session.send({ kind: "alive" });
  const cpu = await createCpuBackend(task, 0);
  const gpu = await createGpuBackend();
  const devices: DeviceFigures[] = [
    { device: "cpu", name: cpu.name, lacking: null, milliseconds: sound ? await measure(sound, cpu, session) : null },
    typeof gpu === "string"
      ? { device: "webgpu", name: null, lacking: gpu, milliseconds: null }
      : {
          device: "webgpu",
          name: gpu.name,
          lacking: null,
          milliseconds: sound ? await measure(sound, gpu, session) : null,
        },
  ];
  session.send({ kind: "devices", devices, batchSize: sound ? batchSizeOf(sound) : null });
  session.send({ kind: "done", exitCode: 0 });
}

/** @returns the median milliseconds from one update to the next */
async function measure(
  { program, training, files }: SoundTraining,
  backend: Backend,
  session: Session,
): Promise<number> {
  const measured = changedTraining(training, {
    epochs: Infinity,
    maxSteps: Infinity,
    validation: false,
    earlyStopping: undefined,
    tolerance: 0,
    workers: 0,
    metrics: [],
  });
  const times: number[] = [];
  const began = performance.now();
  let [warm, last] = [Infinity, began];
  try {
    await runTraining(
      measured,
      { backend, files, now: () => performance.now() },
      {
        onEvent: (event) => {
          if (event.type !== "iteration") return;
          const now = performance.now();
          if (now >= warm) times.push(now - last);
          else if (now - began >= WARM_MS && event.iteration >= WARM_UPDATES) warm = now;
          last = now;
        },
        interrupted: async () => {
          await session.turnOrThrow();
          return times.length > 0 && performance.now() - warm >= MEASURED_MS;
        },
      },
    );
  } catch (error) {
    throw userFailure(error, originOf(program));
  }
  return times.sort((a, b) => a - b)[times.length >> 1] ?? NaN;
}

function batchSizeOf({ training }: SoundTraining): number | null {
  return training.batchSize === "all" ? null : training.batchSize;
}
