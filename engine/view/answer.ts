import type { RunAccess } from "../train/run-access";
import { answerBoundary } from "./boundary";
import { answerConfusion } from "./confusion";
import { answerFeatures } from "./features";
import { answerHistogram } from "./histogram";
import { answerWeights } from "./images";
import type { Look, LookResult } from "./looks";
import { answerNetwork } from "./network";

/**
 * Answers a question about a run, between two iterations or after its end. Answers are bounded in size whatever the model's;
 * what makes no sense for the model is answered by a sentence that says for which models it would.
 */
export async function answerLook(access: RunAccess, look: Look): Promise<LookResult> {
  switch (look.kind) {
    case "histogram":
      return answerHistogram(access, look);
    case "weights":
      return answerWeights(access, look);
    case "features":
      return answerFeatures(access, look);
    case "confusion":
      return answerConfusion(access);
    case "boundary":
      return answerBoundary(access, look);
    case "network":
      return answerNetwork(access);
    default:
      return look satisfies never;
  }
}
