import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { peerProgram } from '../peers.ts';
import { type Given, run } from '../run.ts';

/** A question that is awaited, and the line that is then typed. */
export type Answer = readonly [question: string, answer: string];

/** Runs a program in a terminal, answers its questions one after the other, and gives all that the terminal showed and the exit code. */
export async function inTerminal(program: string, args: readonly string[], answers: readonly Answer[], given: Given = {}): Promise<string> {
  const lines = [
    'log_user 0; set timeout 25; set all ""',
    `spawn -noecho ${[program, ...args].map((word) => `{${word}}`).join(' ')}`,
    ...answers.map(
      ([question, answer]) => `expect {
          -ex {${question}} { append all $expect_out(buffer); send "${answer}\\r" }
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

/** What a terminal showed without the one line that tsh may add there. */
export function withoutHint(shown: string): string {
  return shown.replace(/tsh: run again with --why .*\r+\n/, '');
}
