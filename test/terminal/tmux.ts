import { execFileSync } from 'node:child_process';
import { peerProgram } from '../peers.ts';

/** A terminal of tmux with a shell in it: what a person at a keyboard has. */
export class Tmux {
  private readonly socket: string;

  /** `shell` and its arguments, with `home`, are bash without files of its user where nothing is said. */
  constructor(
    socket: string,
    size: { readonly columns: number; readonly rows: number },
    program: { readonly shell: string; readonly home: string } = { shell: 'bash --norc --noprofile', home: '/nowhere' },
  ) {
    this.socket = socket;
    const { columns, rows } = size;
    const shell = `env -i PATH="$PATH" HOME=${program.home} LANG=C.UTF-8 TERM=screen PS1="local$ " ${program.shell}`;
    this.tmux('-f', '/dev/null', 'new-session', '-d', '-x', String(columns), '-y', String(rows), shell);
    this.tmux('set-option', '-g', 'history-limit', '5000');
  }

  /** Types text as it is. */
  type(text: string): void {
    this.tmux('send-keys', '-l', '--', text);
  }

  /** Presses keys by tmux's names for them: Enter, C-c, Escape. */
  press(...keys: string[]): void {
    this.tmux('send-keys', ...keys);
  }

  /** Types a line and Enter. */
  enter(line: string): void {
    if (line !== '') this.type(line);
    this.press('Enter');
  }

  /** Puts a file's content in as a paste. */
  paste(file: string): void {
    this.tmux('load-buffer', file);
    this.tmux('paste-buffer', '-r');
  }

  resize(columns: number, rows: number): void {
    this.tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** What is to be seen. */
  get screen(): string {
    return this.tmux('capture-pane', '-p');
  }

  /** Waits until this is to be seen; what matched, with its groups. */
  async see(pattern: RegExp): Promise<RegExpMatchArray> {
    const giveUp = Date.now() + 20_000;
    for (;;) {
      const found = this.screen.match(pattern);
      if (found !== null) return found;
      if (Date.now() > giveUp) throw new Error(`${String(pattern)} is not to be seen in\n${this.screen}`);
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  }

  /** An empty screen; the shell's, whichever is in front. */
  async clear(): Promise<void> {
    this.press('C-l');
    await this.see(/^\S+[$#] *\n+$/);
  }

  end(): void {
    this.tmux('kill-server');
  }

  private tmux(...args: string[]): string {
    return execFileSync(peerProgram('tmux', 'tmux'), ['-S', this.socket, ...args], { encoding: 'utf8' });
  }
}
