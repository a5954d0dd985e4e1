import type { Move, Stopped } from "../../../engine/debug/requests";
import type { DebuggedSession } from "./session";

/** Moves until the program has no more in that direction; each moment as `line direction top frame`. */
export async function trail(
  session: DebuggedSession,
  how: Move["how"],
  granularity: Move["granularity"] = "line",
): Promise<string[]> {
  const moments = [session.where()];
  for (;;) {
    const stop = await session.move(how, { granularity });
    if (!stop || /^At the (?:end|beginning)/.test(stop.description)) return moments;
    moments.push(session.where());
  }
}

/** Carries out moves such as `into`, `over/node` one after the other; where each led. */
export async function follow(session: DebuggedSession, moves: string): Promise<string[]> {
  const moments: string[] = [];
  for (const word of moves.split(" ")) {
    const [how, granularity] = word.split("/") as [Move["how"], Move["granularity"]];
    await session.move(how, granularity ? { granularity } : {});
    moments.push(session.where());
  }
  return moments;
}

/** Goes on until the end: every stop as `iteration line direction`, with the reason where it is another than the given one. */
export async function stops(session: DebuggedSession, how: "continue" | "reverse", first?: Stopped): Promise<string[]> {
  const found: string[] = first ? [describeStop(session)] : [];
  for (;;) {
    const stop = await session.move(how);
    if (!stop || /^At the (?:end|beginning)/.test(stop.description)) return found;
    found.push(describeStop(session));
  }
}

function describeStop(session: DebuggedSession): string {
  const [top] = session.ask({ kind: "frames" });
  return `${session.scene.episode.iteration}: ${top.generated ? "listing" : top.line} ${top.direction}`;
}
