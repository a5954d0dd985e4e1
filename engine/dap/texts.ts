import { lineToClient, pathFromClient } from "./client";
import { type Fields, RequestError, fieldsOf, optionalText, optionalWhole, wholeOf } from "./fields";
import { type Session, ask } from "./session";
import { placeToClient, sourceToClient } from "./sources";

/** What the program is made of: its files, generated texts and the network's modules. */

export async function source(session: Session, args: Fields): Promise<object> {
  const whole = optionalWhole(args, "sourceReference") ?? 0;
  const named = fieldsOf(args.source, "source");
  const name =
    whole !== 0 && named.sourceReference === undefined
      ? await generatedName(session, whole)
      : await sourceFromClient(session, args);
  if (!session.sources.isGenerated(name)) throw new RequestError(`${name} is a file; read it from the disk`);
  const { text } = await ask(session, { kind: "sourceText", name });
  return { content: text };
}

export async function loadedSources(session: Session): Promise<object> {
  const sources = await ask(session, { kind: "sources" });
  return { sources: sources.map(({ file, generated }) => sourceToClient(session, file, generated)) };
}

export async function modules(session: Session, args: Fields): Promise<object> {
  const first = optionalWhole(args, "startModule", 0) ?? 0;
  // 0 means all.
  const count = optionalWhole(args, "moduleCount", 0) || Infinity;
  const all = await ask(session, { kind: "modules" });
  return {
    modules: all.slice(first, first + count).map(({ id, name, type, parameters, file, line }) => ({
      id,
      name,
      ...(file !== null && { path: sourceToClient(session, file).path ?? file }),
      isUserCode: true,
      type,
      parameters,
      ...(line !== null && { line: lineToClient(session.client, line) }),
    })),
    totalModules: all.length,
  };
}

/** Where a value was made. */
export function locations({ places, ...session }: Session, args: Fields): object {
  const reference = wholeOf(args, "locationReference");
  const place = places.at(reference - 1);
  if (reference < 1 || place === undefined) {
    throw new RequestError(`there is no location with reference ${reference} at this stop`);
  }
  return placeToClient(session, place);
}

/** What the runtime calls the source that a request means. */
export async function sourceFromClient(session: Session, fields: Fields, name = "source"): Promise<string> {
  const source = fieldsOf(fields[name], name);
  const reference = optionalWhole(source, "sourceReference") ?? 0;
  if (reference !== 0) return generatedName(session, reference);
  const path = optionalText(source, "path");
  if (path !== undefined && path !== "")
    return session.sources.isGenerated(path) ? path : pathFromClient(session.client, path);
  const title = optionalText(source, "name");
  if (title !== undefined && session.sources.isGenerated(title)) return title;
  throw new RequestError(`${name} needs a path or a sourceReference`);
}

async function generatedName(session: Session, reference: number): Promise<string> {
  const known = session.sources.nameOf(reference);
  if (known !== undefined) return known;
  // Of an earlier session, perhaps: a breakpoint that the editor kept.
  for (const { file, generated } of await ask(session, { kind: "sources" })) {
    if (generated) session.sources.refer(file);
  }
  const found = session.sources.nameOf(reference);
  if (found === undefined) throw new RequestError(`there is no source with reference ${reference}`);
  return found;
}
