import { convolution } from "./catalogue/convolution";
import type { Entry } from "./catalogue/entry";
import { files } from "./catalogue/files";
import { layers } from "./catalogue/layers";
import { losses } from "./catalogue/losses";
import { networks } from "./catalogue/networks";
import { operations } from "./catalogue/operations";
import { prediction } from "./catalogue/prediction";

export type { Entry };

/** Every code that a check can report, with what its help page says. */
export const CATALOGUE = {
  ...files,
  ...operations,
  ...convolution,
  ...layers,
  ...losses,
  ...networks,
  ...prediction,
};

export type IssueCode = keyof typeof CATALOGUE;

export function isIssueCode(code: string): code is IssueCode {
  return Object.hasOwn(CATALOGUE, code);
}

/** The help page of a code, in Markdown; of a code that does not exist a page that says so. */
export function helpPage(code: string): string {
  if (!isIssueCode(code)) return `# \`${code}\`\n\nBackstep reports no issue of this kind.\n`;
  const { title, summary, why, wrong, right, see = [] }: Entry = CATALOGUE[code];
  const sections = [
    `# ${title}`,
    `\`${code}\``,
    summary,
    `## Why it matters`,
    why,
    `## Wrong`,
    snippet(wrong),
    `## Right`,
    snippet(right),
  ];
  if (see.length > 0) sections.push("## See also", see.map((other) => `- \`${other}\`: ${titleOf(other)}`).join("\n"));
  return `${sections.join("\n\n")}\n`;
}

function titleOf(code: string): string {
  return isIssueCode(code) ? CATALOGUE[code].title : code;
}

function snippet(program: string): string {
  return `\`\`\`ts\n${program}\n\`\`\``;
}
