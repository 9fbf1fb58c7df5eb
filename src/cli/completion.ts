import { completedKeywords } from '../config/complete.ts';
import { bashCompletion } from './completion-bash.ts';
import { fishCompletion } from './completion-fish.ts';
import { completedPrograms } from './completion-flags.ts';
import type { Shell } from './completion-shells.ts';
import { zshCompletion } from './completion-zsh.ts';

const shells = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

/** The script that has a shell complete the command lines of all programs. It calls none of them: what it asks for, it asks awk(1). */
export function completionScript(shell: Shell): string {
  return shells[shell](completedPrograms(), completedKeywords());
}
