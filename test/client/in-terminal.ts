import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { peerProgram } from '../peers.ts';
import { type Given, run } from '../run.ts';

/** A text that is awaited, and the line that is then typed, or the keys that are then pressed. */
export type Answer = readonly [question: string, answer: string | { readonly keys: string }];

/** Runs a program in a terminal, answers its questions one after the other, and gives all that the terminal showed and the exit code. */
export async function inTerminal(program: string, args: readonly string[], answers: readonly Answer[], given: Given = {}): Promise<string> {
  const lines = [
    // what is longer than match_max is forgotten
    'log_user 0; set timeout 25; match_max -d 1000000; set all ""',
    `spawn -noecho ${[program, ...args].map((word) => `{${word}}`).join(' ')}`,
    ...answers.map(
      ([question, answer]) => `expect {
          -ex "${quoted(question)}" { append all $expect_out(buffer); send -- "${quoted(typeof answer === 'string' ? `${answer}\r` : answer.keys)}" }
          timeout { puts "$all TIMEOUT"; exit 9 }
          eof { puts "$all EOF"; exit 8 }
        }`,
    ),
    'expect {\n eof { append all $expect_out(buffer) }\n timeout { puts "$all LATE"; exit 7 }\n}',
    'puts -nonewline $all; lassign [wait] pid spawnid os status; exit $status',
  ];
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-expect-'));
  try {
    const script = path.join(folder, 'ask.exp');
    writeFileSync(script, `${lines.join('\n')}\n`);
    const { out, code } = await run(peerProgram('expect', 'expect'), [script], {
      timeoutMs: 50_000,
      ...given,
      env: { SSH_ASKPASS_REQUIRE: 'never', ...given.env },
    });
    return `${out}\n[exit ${code}]`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A text between the quotes of expect's language. */
function quoted(text: string): string {
  return text.replace(/["$[\\\]]/g, '\\$&').replace(/[\r\n]/g, (end) => (end === '\r' ? '\\r' : '\\n'));
}

/** What a terminal showed without the one line that tsh may add there. */
export function withoutHint(shown: string): string {
  return shown.replace(/tsh: run again with --why .*\r+\n/, '');
}
