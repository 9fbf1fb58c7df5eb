/** Configuration files: lines that are wrong, and blocks whose lines can never count. */
import { dumpName } from '../../config/dump.ts';
import { ConfigError } from '../../config/environment.ts';
import { Settings } from '../../config/settings.ts';
import { errnoOf } from '../../node/errno.ts';
import { readTextIfAny } from '../../node/files.ts';
import { loadClientConfig } from '../config.ts';
import { bad, type Check, type DoctorScene, type Finding } from './finding.ts';

/** Checks of the user's configuration. */
export const configChecks: readonly Check[] = [
  { name: 'config', well: 'every file can be read, and every block can come to count', run: config },
];

/** A name that no block of a real configuration means: what every host gets. */
const ANY_HOST = 'tsh-doctor.invalid';

/** How many hosts of a configuration are looked at. */
const MOST_HOSTS = 200;

async function config(scene: DoctorScene): Promise<readonly Finding[]> {
  const path = scene.configFile ?? `${scene.folder}/config`;
  if (path.toLowerCase() === 'none') return [];
  let text: string | undefined;
  try {
    text = readTextIfAny(path);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return [
      bad(
        'config',
        path,
        `it can't be read: ${error instanceof Error ? error.message : String(error)}`,
        `sudo chown $USER ${path}; chmod 600 ${path}`,
      ),
    ];
  }
  if (text === undefined) return [];
  const findings = [...neverMeant(path, text)];
  for (const host of [ANY_HOST, ...namedHosts(text)]) {
    const told: string[] = [];
    const settings = await settingsFor(scene, host, told);
    if (settings === undefined) return [bad('config', path, told.join('; '), 'mend the line')];
    findings.push(...overruled(settings, host));
  }
  return distinct(findings);
}

/** The Host lines of a file: line number and patterns. */
function hostLines(text: string): readonly (readonly [number, readonly string[]])[] {
  return text.split('\n').flatMap((line, index) => {
    const patterns = /^\s*host[\s=]+(.*)$/i.exec(line)?.[1];
    return patterns === undefined ? [] : [[index + 1, patterns.replaceAll('"', '').trim().split(/\s+/)] as const];
  });
}

function namedHosts(text: string): readonly string[] {
  const names = hostLines(text).flatMap(([, patterns]) =>
    patterns.filter((pattern) => /^[A-Za-z0-9_.:-]+$/.test(pattern) && !pattern.startsWith('-')),
  );
  return [...new Set(names)].slice(0, MOST_HOSTS);
}

/** Blocks that no host can ever match: all their patterns are negated. */
function neverMeant(path: string, text: string): readonly Finding[] {
  return hostLines(text).flatMap(([line, patterns]) =>
    patterns.every((pattern) => pattern.startsWith('!'))
      ? [
          bad(
            'config',
            `${path} line ${line}`,
            'the block never applies: it only says which hosts it is not for',
            `Host * ${patterns.join(' ')}`,
          ),
        ]
      : [],
  );
}

/** Lines in a host's own block that come too late, because a line before them has set the same. */
function overruled(settings: Settings, host: string): readonly Finding[] {
  return settings.shadowed.flatMap(({ option, origin }) => {
    const [winner] = settings.origins(option);
    if (origin.block?.kind !== 'Host' || winner === undefined || winner.block?.line === origin.block.line) return [];
    const fewer = origin.block.text.split(/\s+/).includes(host);
    if (!fewer) return [];
    const place = `${origin.file} line ${origin.line}`;
    return [
      bad(
        'config',
        place,
        `${dumpName(option)} never counts for ${host}: ${winner.file} line ${winner.line} has set it before`,
        'put the block for single hosts in front of those for many',
      ),
    ];
  });
}

async function settingsFor(scene: DoctorScene, host: string, told: string[]): Promise<Settings | undefined> {
  const settings = new Settings();
  const environment = {
    ...scene.environment,
    log: (level: string, text: string) => {
      if (level === 'FATAL' || level === 'ERROR') told.push(text);
    },
    // looking for trouble must not run what Match exec names
    run: () => 1,
  };
  try {
    await loadClientConfig({ settings, host, command: undefined, configFile: scene.configFile, environment, stdinIsTerminal: false });
    return settings;
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}

function distinct(findings: readonly Finding[]): readonly Finding[] {
  return [...new Map(findings.map((finding) => [`${finding.subject}\n${finding.problem}`, finding])).values()];
}
