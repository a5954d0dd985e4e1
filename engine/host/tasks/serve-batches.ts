import { collate } from "../../data/loader";
import { setRunner } from "../../train/execute";
import { loadParts } from "../../train/parts";
import type { Channel } from "../channel";
import { Failure, userFailure } from "../failure";
import type { LoaderRequest, TrainTask } from "../messages";
import { createNodeFiles } from "../node-files";
import { loadProgram, noTraining, originOf } from "../program";
import type { Session } from "../session";
import { Enough } from "../enough";
import { withOptions } from "./train";

/** A data worker: loads the model file once, and answers requests for batches until the thread is ended. */
export async function serveBatches(session: Session, channel: Channel): Promise<(request: LoaderRequest) => void> {
  const task = session.task as TrainTask;
  setRunner({ values: () => Promise.reject(new Enough()), minimize: () => Promise.reject(new Enough()) });
  const program = await loadProgram(task.file);
  if (!program.training) throw new Failure(noTraining(program));
  const parts = loadParts(withOptions(program.training, task), createNodeFiles(program.file, session.assets));
  return ({ ticket, request }) => {
    const answer = async (): Promise<void> => {
      const batch = collate((await parts).train, request);
      const buffers = [...batch.inputs, ...batch.targets].map(({ data }) => data.buffer as ArrayBuffer);
      channel.post({ kind: "batch", ticket, batch }, buffers);
    };
    answer().catch((error: unknown) => {
      const { message } = userFailure(error, originOf(program));
      channel.post({ kind: "failure", ticket, message });
    });
  };
}
