import { completedKeywords } from '../config/complete.ts';
import { bashCompletion } from './completion-bash.ts';
import { fishCompletion } from './completion-fish.ts';
import { completedPrograms } from './completion-flags.ts';
import { zshCompletion } from './completion-zsh.ts';

/** The shells that there are scripts for. */
export type Shell = 'bash' | 'zsh' | 'fish';

const shells = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

/** The script that has a shell complete the command lines of all programs. It calls none of them: what it asks for, it asks awk(1). */
export function completionScript(shell: Shell): string {
  return shells[shell](completedPrograms(), completedKeywords());
}
