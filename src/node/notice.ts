import { spawn } from 'node:child_process';
import fs from 'node:fs';
import tty from 'node:tty';
import type { Log } from '../core/util/log.ts';
import { systemError } from './errno.ts';
import { askpassProgram } from './read-passphrase.ts';

/** Something that the user is being told. */
export interface Notice {
  /** Takes it away; `conclusion` is said after it where it was said on the terminal. */
  end(conclusion?: string): void;
}

/**
 * Tells the user something that is to be done meanwhile: on stderr where that is a terminal, else by SSH_ASKPASS, else not at all.
 *
 * @param text shown as it is: what came from a peer has to be made safe before.
 * @param byAskpass does not use the terminal.
 */
export function showNotice(text: string, byAskpass: boolean, log: Log): Notice {
  if (!byAskpass && tty.isatty(2)) {
    fs.writeSync(2, `\r${text}\r\n`);
    return {
      end: (conclusion) => {
        if (conclusion !== undefined) fs.writeSync(2, `\r${conclusion}\r\n`);
      },
    };
  }
  const program = process.env['SSH_ASKPASS'] === '' ? undefined : askpassProgram();
  const { DISPLAY, WAYLAND_DISPLAY, SSH_ASKPASS_REQUIRE } = process.env;
  const mayShow = DISPLAY !== undefined || WAYLAND_DISPLAY !== undefined || SSH_ASKPASS_REQUIRE === 'force';
  if (program === undefined || !mayShow) {
    log('DEBUG3', `notify_start: cannot notify: no ${program === undefined ? 'askpass' : 'display'}`);
    return { end: () => undefined };
  }
  const child = spawn(program, [text], { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, SSH_ASKPASS_PROMPT: 'none' } });
  child.on('error', (error) => log('ERROR', `notify_start: exec(${program}): ${systemError(error).message}`));
  return { end: () => void child.kill('SIGTERM') };
}
