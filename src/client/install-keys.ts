/** Adding public keys to a user's authorized_keys by a shell on the server. */
import type { Connection } from '../core/connection/connection.ts';
import { answerRequests, exec, exitAnswers, type SessionExit } from '../core/connection/session-requests.ts';
import { concat, utf8Bytes, utf8Text } from '../core/util/bytes.ts';

/** A line for authorized_keys. */
export interface KeyLine {
  readonly line: string;
  /** What a line there is, or begins with before a space, that makes this one needless: a key without its comment. */
  readonly match: string;
}

/** What is to be added, and to which file. */
export interface KeysToInstall {
  readonly lines: readonly KeyLine[];
  /** The file, relative to the home folder there or absolute. */
  readonly file: string;
  /** Whether a key is added though it stands there already. */
  readonly again: boolean;
}

/** What a server's shell had to say. */
export interface ShellSurroundings {
  /** Traces each command there (set -x). */
  readonly trace: boolean;
  /** Everything that is not ours to read. */
  readonly output: (bytes: Uint8Array, stream: 0 | 1) => void;
}

/** The last line that the script prints, before the number. */
const ADDED = 'keys added: ';

/**
 * What runs there, by a bare POSIX shell whatever the user's own shell is: no single quote and no line break may be in it. It holds nothing
 * of the user's: the file's name comes on its stdin, and then for each key a line of what it is known by and its own.
 *
 * - The modes come first, as a file that can't be written may be the user's own all the same.
 * - A key that stands in the file as it would be added is left out, but not where the first line says `again`.
 * - All that is added is one write, a line break first where the file lacks its last; one that fails, as on a full disk, is taken back.
 * - OpenWrt's dropbear has a file of its own for root.
 */
const script = [
  'cd; umask 077;',
  'IFS= read -r how && IFS= read -r file || exit 1;',
  '[ -f /etc/openwrt_release ] && [ "$LOGNAME" = root ] && file=/etc/dropbear/authorized_keys;',
  'case $file in -*) file=./$file;; esac;',
  'case $file in */*) dir=${file%/*};; *) dir=.;; esac; [ "$dir" ] || dir=/;',
  'mkdir -p "$dir" || exit 1;',
  'case $dir in .ssh|*/.ssh) chmod 700 "$dir"; if [ -f "$file" ]; then chmod 600 "$file"; fi;; esac;',
  'nl=$(printf "\\nx"); nl=${nl%x}; new=; count=0;',
  'while IFS= read -r match && IFS= read -r line; do',
  'found=;',
  'if [ "$how" = once ] && [ -f "$file" ]; then',
  'while IFS= read -r have || [ "$have" ]; do case $have in "$match"|"$match "*) found=yes;; esac; done <"$file";',
  'fi;',
  '[ "$found" ] || { new=$new$line$nl; count=$((count + 1)); };',
  'done;',
  'if [ "$new" ]; then',
  'size=0; if [ -f "$file" ]; then size=$(wc -c <"$file") || exit 1; fi; size=$((size));',
  '[ -z "$(tail -c 1 "$file" 2>/dev/null)" ] || new=$nl$new;',
  'printf %s "$new" >>"$file" ||',
  '{ if [ -f "$file" ]; then dd if=/dev/null of="$file" bs=1 seek="$size" count=0 >/dev/null 2>&1; fi; exit 1; };',
  'fi;',
  'if type restorecon >/dev/null 2>&1; then restorecon -F "$dir" "$file"; fi;',
  `echo "${ADDED}$count"`,
].join(' ');

/** The longest output of which the end is looked at, in bytes. */
const LONGEST_OUTPUT = 64 * 1024;

/**
 * Adds the keys; settles with how many were added, or with undefined where the server's shell says that it could not, or says nothing of
 * it.
 *
 * @throws ChannelOpenError where the server opens no session; SshError where the connection ends.
 */
export async function installKeys(connection: Connection, keys: KeysToInstall, around: ShellSurroundings): Promise<number | undefined> {
  let exit: SessionExit | undefined;
  let output = new Uint8Array(0);
  let over: (error: Error | undefined) => void = () => undefined;
  const ended = new Promise<Error | undefined>((settle) => {
    over = settle;
  });
  const answers = answerRequests(exitAnswers((how) => (exit ??= how)));
  const channel = await connection.open(
    'session',
    {},
    {
      onData: (bytes, stream) => {
        if (stream === 1) around.output(bytes, 1);
        else if (output.length + bytes.length <= LONGEST_OUTPUT) output = new Uint8Array(concat(output, bytes));
        channel.consumed(bytes.length);
      },
      onRequest: (request) => answers(request),
      onClose: (error) => over(error),
    },
  );
  connection.sendNoMoreSessions();
  if (!(await exec(channel, `exec sh -c '${around.trace ? 'set -x; ' : ''}${script}'`))) {
    channel.close();
    return undefined;
  }
  channel.write(
    utf8Bytes([keys.again ? 'again' : 'once', keys.file, ...keys.lines.flatMap(({ match, line }) => [match, line]), ''].join('\n')),
  );
  channel.eof();
  const broken = await ended;
  const [rest, count] = split(output);
  if (rest.length > 0) around.output(rest, 0);
  if (exit === undefined && broken !== undefined) throw broken;
  return exit !== undefined && 'status' in exit && exit.status === 0 ? count : undefined;
}

/** What others printed, before the script or behind it and not always whole lines, and the script's own last line. */
function split(output: Uint8Array): readonly [Uint8Array, number | undefined] {
  const [, before = '', count, after = ''] = new RegExp(`^([^]*)${ADDED}(\\d{1,9})\n([^]*)$`).exec(utf8Text(output)) ?? [];
  return count === undefined ? [output, undefined] : [utf8Bytes(before + after), Number(count)];
}
