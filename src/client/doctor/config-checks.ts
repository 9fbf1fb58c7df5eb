/** Configuration files: lines that are wrong, and blocks whose lines can never count. */
import { dumpName } from '../../config/dump.ts';
import { ConfigError } from '../../config/environment.ts';
import { type Block, commandLineFile, Settings } from '../../config/settings.ts';
import { errnoOf } from '../../node/errno.ts';
import { readTextIfAny } from '../../node/files.ts';
import { inspect } from '../../node/inspect.ts';
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
  const told: string[] = [];
  const nobody = await settingsFor(scene, { host: ANY_HOST }, told);
  if (nobody === undefined) return [bad('config', path, told.join('; '), 'mend the line')];
  const findings = [...(await unreachable(scene, nobody.blocks))];
  for (const host of [ANY_HOST, ...namedHosts(nobody.blocks)]) {
    const settings = await settingsFor(scene, { host }, told);
    if (settings === undefined) return [bad('config', path, told.join('; '), 'mend the line')];
    findings.push(...overruled(settings, host), ...missingKeys(scene, settings));
  }
  return distinct(findings);
}

/** The words of a block's line, without its quotes. */
function words({ text }: Block): readonly string[] {
  return text
    .replaceAll('"', '')
    .trim()
    .split(/[\s=]+/);
}

/** The patterns that a Host block has, or a Match block behind one of these criteria. */
function patterns(block: Block, ...criteria: readonly string[]): readonly string[] {
  const all = words(block);
  if (block.kind === 'Host') return criteria.includes('host') ? all : [];
  return all.flatMap((word, index) => (criteria.includes(all[index - 1]?.toLowerCase() ?? '') ? word.split(',') : []));
}

/** The hosts that the blocks call by their names. */
function namedHosts(blocks: readonly Block[]): readonly string[] {
  const names = blocks.flatMap((block) => patterns(block, 'host', 'originalhost'));
  return [...new Set(names.filter((name) => /^[A-Za-z0-9_.:][A-Za-z0-9_.:-]*$/.test(name)))].slice(0, MOST_HOSTS);
}

/** What a run is about, as far as a user chooses it. */
interface Subject {
  readonly host: string;
  readonly user?: string | undefined;
  readonly tag?: string | undefined;
}

/** Criteria that hold or not for reasons that lie outside of the configuration. */
const beyondUs = /^!?(localnetwork|localuser|version|canonical|command|sessiontype)$/i;

/** Blocks that apply to no host, not even to those that they name, with the user and the tag that they want. */
async function unreachable(scene: DoctorScene, blocks: readonly Block[]): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const block of blocks.slice(0, MOST_HOSTS)) {
    if (block.applies || (block.kind === 'Match' && words(block).some((word) => beyondUs.test(word)))) continue;
    const hosts = examples(patterns(block, 'host', 'originalhost'));
    const [user] = examples(patterns(block, 'user'));
    const [tag] = examples(patterns(block, 'tagged'));
    let reason: string | undefined;
    for (const host of [ANY_HOST, ...hosts]) {
      // what Match exec names is not run, but taken for true
      const settings = await settingsFor(scene, { host, user, tag }, [], 0);
      const judged = settings?.blocks.findLast(({ file, line }) => file === block.file && line === block.line);
      if (judged === undefined || judged.applies) {
        reason = undefined;
        break;
      }
      reason = judged.reason;
    }
    if (reason !== undefined) findings.push(neverApplies(block, reason));
  }
  return findings;
}

/** Names that fit patterns. */
function examples(all: readonly string[]): readonly string[] {
  return all.filter((pattern) => !pattern.startsWith('!')).map((pattern) => pattern.replace(/[*?]/g, 'x'));
}

function neverApplies(block: Block, reason: string): Finding {
  const own = patterns(block, 'host', 'originalhost');
  const place = `${block.file} line ${block.line}`;
  if (own.length > 0 && own.every((pattern) => pattern.startsWith('!'))) {
    const cure = block.kind === 'Host' ? `Host * ${own.join(' ')}` : `Match host *,${own.join(',')}`;
    return bad('config', place, 'the block never applies: it only says which hosts it is not for', cure);
  }
  const cure = / includes it, /.test(reason)
    ? 'put the Include before the first Host or Match, or behind a line "Match all"'
    : 'mend its patterns, or take it away';
  return bad('config', place, `the block never applies: ${reason}`, cure);
}

/** Lines in a host's own block that come too late, because a line before them has set the same. */
function overruled(settings: Settings, host: string): readonly Finding[] {
  return settings.shadowed.flatMap(({ option, origin }) => {
    const [winner] = settings.origins(option);
    if (origin.block === undefined || winner === undefined || winner.block?.line === origin.block.line) return [];
    const fewer = patterns(origin.block, 'host', 'originalhost').includes(host);
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

/** Key files that are named and are not there; a .pub file alone stands for an agent's key. */
function missingKeys({ home }: DoctorScene, settings: Settings): readonly Finding[] {
  const names = settings.get('identityFile') ?? [];
  return settings.origins('identityFile').flatMap(({ file, line }, index) => {
    const name = names[index] ?? '';
    const path = name.replace(/^~\//, `${home}/`);
    if (!path.startsWith('/') || /[%$]/.test(path) || inspect(path) !== undefined || inspect(`${path}.pub`) !== undefined) return [];
    const problem = `IdentityFile ${name} is not there`;
    return [{ check: 'config', status: 'note', subject: `${file} line ${line}`, problem, fix: 'name another file, or take the line away' }];
  });
}

/** What the files set for this; undefined where they are wrong, which `told` then says. `status` is what commands of Match exec end with. */
async function settingsFor(scene: DoctorScene, { host, user, tag }: Subject, told: string[], status = 1): Promise<Settings | undefined> {
  const settings = new Settings();
  const origin = { file: commandLineFile, line: 0, block: undefined };
  if (user !== undefined) settings.add('user', user, origin);
  if (tag !== undefined) settings.add('tag', tag, origin);
  const environment = {
    ...scene.environment,
    log: (level: string, text: string) => {
      if (level === 'FATAL' || level === 'ERROR') told.push(text);
    },
    // looking for trouble must not run what Match exec names
    run: () => status,
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
