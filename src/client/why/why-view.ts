import type { Diagnosis } from '../../core/events.ts';
import { visibleText } from '../../core/util/vis.ts';
import { type Palette, plainPalette } from '../explain-view.ts';

/** How wide a list of names may get before it goes on in the next line. */
const WIDTH = 96;

/** A diagnosis as a person reads it at the end of a failed run: whole lines. Whatever the peer said is made safe for the terminal. */
export function whyText(diagnosis: Diagnosis, palette: Palette = plainPalette): string {
  const { heading, bad, quiet } = palette;
  const lines = [
    '',
    `${bad(`Why: ${visibleText(diagnosis.sentence)}`)}  ${quiet(`[${diagnosis.cause}; phase: ${diagnosis.phase}]`)}`,
    ...diagnosis.evidence.flatMap(({ title, lines: told }) => [
      '',
      heading(`${title}:`),
      ...(isList(told) ? wrapped(told) : told).map((line) => `    ${visibleText(line)}`),
    ]),
    '',
    heading('What to do:'),
    ...diagnosis.wayOut.flatMap((step, index) => indented(`${index + 1}. `, visibleText(step))),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** Whether the lines are names of algorithms, which fit in a paragraph. */
function isList(lines: readonly string[]): boolean {
  return lines.length > 1 && lines.every((line) => /^[a-z0-9@.-]+$/.test(line));
}

function wrapped(names: readonly string[]): readonly string[] {
  const lines: string[] = [];
  for (const name of names) {
    const last = lines.at(-1);
    if (last === undefined || last.length + name.length + 2 > WIDTH) lines.push(name);
    else lines[lines.length - 1] = `${last}, ${name}`;
  }
  return lines;
}

/** A step of several lines, the later ones under the first. */
function indented(mark: string, text: string): readonly string[] {
  return text.split('\n').map((line, index) => `${index === 0 ? `  ${mark}` : '       '}${line}`);
}
