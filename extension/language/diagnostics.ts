import {
  Diagnostic,
  DiagnosticRelatedInformation,
  DiagnosticSeverity,
  Location,
  Range,
  Uri,
  workspace,
  type DiagnosticCollection,
} from "vscode";
import type { Issue, Range as SourceRange } from "../../engine/api/host";
import { problemsIn } from "../host/failures";
import { helpUri } from "./help";

/** Diagnostics by file, as one model or one run has them. */
export type Found = ReadonlyMap<string, readonly Diagnostic[]>;

const SEVERITIES: Readonly<Record<Issue["severity"], DiagnosticSeverity>> = {
  error: DiagnosticSeverity.Error,
  warning: DiagnosticSeverity.Warning,
  information: DiagnosticSeverity.Information,
};

export function severityOf(severity: Issue["severity"]): DiagnosticSeverity {
  return SEVERITIES[severity];
}

/** The issues of a check; those without a place stand at the top of the model file. */
export function diagnosticsOf(issues: readonly Issue[], model: Uri): Found {
  return byFile(
    issues.map(({ code, severity, message, range, related }) => {
      const diagnostic = new Diagnostic(range ? rangeOf(range) : lineRange(model, 1), message, severityOf(severity));
      diagnostic.source = "backstep";
      diagnostic.code = { value: code, target: helpUri(code) };
      if (related) {
        diagnostic.relatedInformation = related.map(
          (each) =>
            new DiagnosticRelatedInformation(
              new Location(Uri.file(each.range.file), rangeOf(each.range)),
              each.message,
            ),
        );
      }
      return [range?.file ?? model.fsPath, diagnostic];
    }),
  );
}

/** What a host said when it failed, at the places that it names. */
export function diagnosticsOfFailure(failure: string, model: Uri, source: string): Found {
  return byFile(
    problemsIn(failure, model.fsPath).map(({ file, line, column, message }) => {
      const whole = lineRange(Uri.file(file), line);
      const start = Math.min(Math.max(whole.start.character, column - 1), whole.end.character);
      const diagnostic = new Diagnostic(
        new Range(whole.start.with({ character: start }), whole.end),
        message,
        DiagnosticSeverity.Error,
      );
      diagnostic.source = source;
      return [file, diagnostic];
    }),
  );
}

/** A line from its first character to its last, as far as an editor knows the file; lines count from 1. */
export function lineRange(uri: Uri, line: number): Range {
  const document = workspace.textDocuments.find((each) => each.uri.toString() === uri.toString());
  if (!document) return new Range(line - 1, 0, line - 1, Number.MAX_SAFE_INTEGER);
  const { text, range, firstNonWhitespaceCharacterIndex } = document.lineAt(
    Math.min(Math.max(0, line - 1), document.lineCount - 1),
  );
  return new Range(range.start.line, firstNonWhitespaceCharacterIndex, range.start.line, text.trimEnd().length);
}

/** Shows what several models and runs found in one collection; a helper file may be blamed by more than one. */
export function createShelf(collection: DiagnosticCollection): {
  put(key: string, found: Found): void;
  remove(key: string): void;
} {
  const all = new Map<string, Found>();
  const show = (files: Iterable<string>): void => {
    for (const file of files) {
      const diagnostics = [...all.values()].flatMap((found) => found.get(file) ?? []);
      const unique = new Map(diagnostics.map((each) => [`${JSON.stringify(each.range)} ${each.message}`, each]));
      if (unique.size > 0) collection.set(Uri.file(file), [...unique.values()]);
      else collection.delete(Uri.file(file));
    }
  };
  return {
    put(key, found) {
      const before = all.get(key);
      all.set(key, found);
      show(new Set([...(before?.keys() ?? []), ...found.keys()]));
    },
    remove(key) {
      const before = all.get(key);
      all.delete(key);
      if (before) show(before.keys());
    },
  };
}

export function byFile(pairs: readonly (readonly [file: string, diagnostic: Diagnostic])[]): Found {
  const found = new Map<string, Diagnostic[]>();
  for (const [file, diagnostic] of pairs) found.set(file, [...(found.get(file) ?? []), diagnostic]);
  return found;
}

function rangeOf({ line, column, endLine, endColumn }: SourceRange): Range {
  return new Range(line - 1, column - 1, endLine - 1, endColumn - 1);
}
