/** --doctor: what is wrong with the user's files and, where a host is named, with its server. */
import { examine } from '../client/doctor/doctor.ts';
import type { DoctorScene, Finding } from '../client/doctor/finding.ts';
import { serverFindings } from '../client/doctor/server-checks.ts';
import type { Palette } from '../client/explain-view.ts';
import { Settings } from '../config/settings.ts';
import type { ConfigEnvironment } from '../config/environment.ts';
import { visibleText } from '../core/util/vis.ts';
import { writeTo } from '../node/files.ts';
import { changeMode } from '../node/inspect.ts';
import { ownCommand } from '../node/own-program.ts';
import { readAnswer } from '../node/read-passphrase.ts';
import type { HostCommandLine } from './command-line.ts';
import { loadLineConfig } from './line-config.ts';
import { terminalPalette } from './palette.ts';
import { version } from './version.ts';

/** Looks, tells and, with --fix, mends; settles with 0 only where all is well in the end. */
export async function runDoctor(line: HostCommandLine, environment: ConfigEnvironment): Promise<number> {
  const { home, uid } = environment.user;
  const program = { command: ownCommand('tsh'), configFile: line.configFile, verbosity: 0 };
  const look = async (): Promise<readonly Finding[]> => {
    const config = line.host === '' ? undefined : await loadLineConfig({ ...line, settings: copied(line.settings) }, environment);
    const scene: DoctorScene = { folder: `${home}/.ssh`, home, uid, environment, configFile: line.configFile, config };
    const local = await examine(scene);
    return config === undefined
      ? local
      : [...local, ...(await serverFindings(scene, config, { ident: `SSH-2.0-tsh_${version}`, program }))];
  };
  let findings = await look();
  const print = (): void => writeTo(1, line.json ? `${JSON.stringify(findings, undefined, 2)}\n` : table(findings, terminalPalette(1)));
  if (!line.json || !line.fix) print();
  if (line.fix && (await mend(findings))) {
    findings = await look();
    print();
  } else if (line.fix && line.json) print();
  return findings.some(({ status }) => status === 'bad') ? 1 : 0;
}

/** The command line's settings anew, for a configuration adds to them. */
function copied(settings: Settings): Settings {
  const copy = new Settings();
  const values = settings.values();
  for (const option of Object.keys(values) as (keyof typeof values)[]) {
    const [origin] = settings.origins(option);
    if (origin !== undefined) copy.replace(option, values[option], origin);
  }
  return copy;
}

/** Asks about each mode that could be mended, and mends it; says whether any was. */
async function mend(findings: readonly Finding[]): Promise<boolean> {
  let mended = false;
  for (const { mend: change, fix } of findings) {
    if (change === undefined) continue;
    const answer = await readAnswer(`${visibleText(fix)} - do it now (yes/no)? `);
    if (!/^y(es)?$/i.test(answer?.trim() ?? '')) continue;
    changeMode(change.path, change.mode);
    mended = true;
  }
  return mended;
}

const marks: Readonly<Record<Finding['status'], string>> = { ok: 'ok', note: 'note', bad: 'BAD' };

/** One table, a row per finding, its fix under it where the line would get too long. */
function table(findings: readonly Finding[], { heading, good, bad, quiet }: Palette): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const paints = { ok: good, note: heading, bad };
  const rows = findings.map(({ check, status, subject, problem, fix }) => {
    const about = subject === '' ? problem : `${subject}: ${problem}`;
    const cure = fix === '' ? '' : `\n      ${' '.repeat(width)}  ${quiet('fix:')} ${visibleText(fix)}`;
    return `${paints[status](marks[status].padEnd(4))}  ${check.padEnd(width)}  ${visibleText(about)}${cure}\n`;
  });
  const wrong = findings.filter(({ status }) => status === 'bad').length;
  return `${rows.join('')}\n${wrong === 0 ? good('All is well.') : bad(`${wrong} ${wrong === 1 ? 'thing is' : 'things are'} wrong.`)}\n`;
}
