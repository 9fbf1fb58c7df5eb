/** --help: what this program does beyond ssh-keygen, above the usage text that both have. */
import { keygenUsage } from './usage.ts';

/** The text that --help shows. */
export const keygenHelp = `\
tsh-keygen makes, converts, certifies, revokes and shows SSH keys, with the options and the output of ssh-keygen(1).

Of its own it has:
  --why       where a key file can't be read, tells in one more line what is wrong with it
  --json      with -l, -L, -F and -Q: writes what they show as one line of JSON
  -m PPK      PuTTY's private key files: -i reads one, -e writes one, -p and new keys are saved as one
  --help      shows this

${keygenUsage}`;
