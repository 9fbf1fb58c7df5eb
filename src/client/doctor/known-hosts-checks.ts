/** known_hosts: lines that contradict each other, and lines that can't be read. */
import { type KnownHostsFile, knownHostsKey, type KnownHostsLine, parseKnownHostsLine } from '../../core/keys/known-hosts.ts';
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
  return [...files.flatMap(unreadable), ...conflicts(files)];
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
  const first = new Map<string, { readonly place: string; readonly key: string }>();
  const findings: Finding[] = [];
  for (const file of files) {
    for (const [number, content] of lines(file)) {
      const line = parseKnownHostsLine(content);
      if (line.at !== 'entry' || line.marker !== undefined) continue;
      const place = `${file.file} line ${number}`;
      for (const name of line.hosts.split(',')) {
        if (/[*?!]/.test(name)) continue;
        const id = `${name} ${line.keyType}`;
        const known = first.get(id);
        if (known === undefined) first.set(id, { place, key: line.encodedKey });
        else if (known.key !== line.encodedKey)
          findings.push(
            bad(
              'known_hosts',
              place,
              `another ${line.keyType} key for ${name} than ${known.place}`,
              `find out which is right, then: tsh-keygen -R '${name}' -f ${file.file}`,
            ),
          );
      }
    }
  }
  return findings;
}
