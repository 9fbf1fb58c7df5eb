/** known_hosts: lines that contradict each other, and lines that can't be read. */
import {
  type KnownHostsEntry,
  knownHostsEntries,
  type KnownHostsFile,
  knownHostsKey,
  type KnownHostsLine,
  knownHostsName,
  parseKnownHostsLine,
} from '../../core/keys/known-hosts.ts';
import { equalBytes } from '../../core/util/bytes.ts';
import { SshError } from '../../core/util/errors.ts';
import { readKnownHosts } from '../../files/known-hosts-files.ts';
import { bad, type Check, type DoctorScene, type Finding } from './finding.ts';

/** Checks of the files that hold hosts' keys. */
export const knownHostsChecks: readonly Check[] = [
  { name: 'known_hosts', well: 'every line can be read, and no host has two keys of one type', run: knownHosts },
];

function knownHosts({ folder, config }: DoctorScene): readonly Finding[] {
  const paths = config?.options.userKnownHostsFile ?? [`${folder}/known_hosts`, `${folder}/known_hosts2`];
  const files = readKnownHosts(paths);
  const asked = config === undefined ? [] : [config.options.hostKeyAlias ?? knownHostsName(config.host, config.port)];
  return [...files.flatMap(unreadable), ...conflicts(files), ...hiddenConflicts(files, asked)];
}

/** How many hashed names may be tried: a tenth of a second's work. */
const MOST_TRIES = 10_000;

/** Lines under hashed names that contradict others, and keys that are trusted in one line and revoked in another. */
function hiddenConflicts(files: readonly KnownHostsFile[], asked: readonly string[]): readonly Finding[] {
  const hashed = files.flatMap(lines).filter(([, content]) => content.includes('|1|')).length;
  const names = [...new Set([...asked, ...files.flatMap(plainNames)])].slice(0, hashed === 0 ? undefined : Math.ceil(MOST_TRIES / hashed));
  const isHashed = (entry: KnownHostsEntry): boolean =>
    files
      .find(({ file }) => file === entry.file)
      ?.text.split('\n')
      [entry.line - 1]?.includes('|1|') === true;
  return names.flatMap((name) => {
    const entries = knownHostsEntries(files, name);
    const trusted = entries.filter(({ marker }) => marker === undefined);
    return trusted.flatMap((entry, index) => {
      const place = `${entry.file} line ${entry.line}`;
      const revoked = entries.find(({ marker, key }) => marker === 'revoked' && equalBytes(key.blob, entry.key.blob));
      if (revoked !== undefined) {
        const problem = `the key for ${name} is revoked by ${revoked.file} line ${revoked.line}`;
        return [bad('known_hosts', place, problem, `ssh-keygen -R '${name}' -f ${entry.file}`)];
      }
      const other = trusted.slice(0, index).find(({ key }) => key.name === entry.key.name && !equalBytes(key.blob, entry.key.blob));
      return other === undefined || !(isHashed(entry) || isHashed(other))
        ? []
        : [contradiction(entry.key.name, name, place, other, entry.file)];
    });
  });
}

function plainNames(file: KnownHostsFile): readonly string[] {
  return lines(file).flatMap(([, content]) => {
    const line = parseKnownHostsLine(content);
    return line.at !== 'entry' || line.marker !== undefined ? [] : line.hosts.split(',').filter((name) => !/[*?!|]/.test(name));
  });
}

function contradiction(
  keyType: string,
  name: string,
  place: string,
  first: { readonly file: string; readonly line: number },
  file: string,
) {
  return bad(
    'known_hosts',
    place,
    `another ${keyType} key for ${name} than ${first.file} line ${first.line}`,
    `find out which is right, then: ssh-keygen -R '${name}' -f ${file}`,
  );
}

function lines({ text }: KnownHostsFile): readonly (readonly [number, string])[] {
  return text.split('\n').map((line, index) => [index + 1, line]);
}

function unreadable(file: KnownHostsFile): readonly Finding[] {
  return lines(file).flatMap(([number, content]) => {
    const line = parseKnownHostsLine(content);
    const problem = line.at === 'invalid' ? line.reason : line.at === 'entry' ? keyProblem(line) : undefined;
    if (problem === undefined) return [];
    return [bad('known_hosts', `${file.file} line ${number}`, `it can't be read: ${problem}`, `sed -i ${number}d ${file.file}`)];
  });
}

function keyProblem(line: KnownHostsLine): string | undefined {
  try {
    knownHostsKey(line);
    return undefined;
  } catch (error) {
    if (error instanceof SshError) return error.message;
    throw error;
  }
}

/** A name that has two keys of one type: the server can only have one of them. Patterns and markers are left alone. */
function conflicts(files: readonly KnownHostsFile[]): readonly Finding[] {
  const first = new Map<string, { readonly file: string; readonly line: number; readonly key: string }>();
  const findings: Finding[] = [];
  for (const { file, text } of files) {
    for (const [index, content] of text.split('\n').entries()) {
      const line = parseKnownHostsLine(content);
      if (line.at !== 'entry' || line.marker !== undefined) continue;
      for (const name of line.hosts.split(',')) {
        if (/[*?!]/.test(name)) continue;
        const id = `${name} ${line.keyType}`;
        const known = first.get(id);
        if (known === undefined) first.set(id, { file, line: index + 1, key: line.encodedKey });
        else if (known.key !== line.encodedKey) findings.push(contradiction(line.keyType, name, `${file} line ${index + 1}`, known, file));
      }
    }
  }
  return findings;
}
