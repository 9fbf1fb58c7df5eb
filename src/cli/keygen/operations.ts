/** Which operation a command line asks for: the first row whose flags are given. */
import { Fatal } from './endings.ts';
import type { Run } from './run.ts';
import { usage } from './usage.ts';

type Operation = (run: Run) => number | Promise<number>;

interface OperationRow {
  readonly asks: (run: Run) => boolean;
  readonly load: () => Promise<Operation>;
}

/** A flag without a value was given. */
const given =
  (...flags: readonly string[]) =>
  ({ options }: Run): boolean =>
    flags.some((flag) => options.given.has(flag));

/** A flag with a value was given. */
const valued =
  (...flags: readonly string[]) =>
  ({ options }: Run): boolean =>
    flags.some((flag) => options.values.has(flag));

/** Every operation, in the order in which ssh-keygen looks for them. */
const operations: readonly OperationRow[] = [
  { asks: given('L'), load: async () => (await import('./show-certificate.ts')).showCertificates },
  { asks: (run) => given('H')(run) || valued('F', 'R')(run), load: async () => (await import('./known-hosts.ts')).editKnownHosts },
  { asks: valued('D'), load: () => Promise.resolve(refusePkcs11) },
  { asks: given('K'), load: () => Promise.resolve(refuseResident) },
  { asks: given('l', 'B'), load: async () => (await import('./fingerprint.ts')).showFingerprints },
  { asks: given('p'), load: async () => (await import('./passphrase.ts')).changePassphrase },
  { asks: given('c'), load: async () => (await import('./passphrase.ts')).changeComment },
  { asks: given('e'), load: async () => (await import('./convert.ts')).exportKey },
  { asks: given('i'), load: async () => (await import('./convert.ts')).importKey },
  { asks: given('y'), load: async () => (await import('./passphrase.ts')).printPublic },
  { asks: valued('r'), load: async () => (await import('./fingerprint.ts')).showRecords },
  { asks: valued('M'), load: async () => (await import('./moduli.ts')).moduli },
  { asks: given('A'), load: async () => (await import('./generate.ts')).generateHostKeys },
  { asks: () => true, load: async () => (await import('./generate.ts')).generate },
];

/** The operation of a run. @throws Exit where the options do not go together, of which the user has been told */
export function operationOf(run: Run): Operation {
  const { operands } = run.options;
  const takesOperands = given('k', 'Q')(run) || valued('M')(run);
  if (given('--help')(run)) return help;
  if (valued('Y')(run)) return lazily(async () => (await import('./sshsig.ts')).signatures);
  if (valued('s')(run)) {
    if (operands.length === 0 && !given('k')(run)) throw usage(run, 'Too few arguments.');
  } else if (operands.length > 0 && !takesOperands) throw usage(run, 'Too many arguments.');
  if (given('p')(run) && given('c')(run)) throw usage(run, 'Can only have one of -p and -c.');
  if (given('l')(run) && (valued('R')(run) || given('H')(run))) throw usage(run, 'Cannot use -l with -H or -R.');
  if (given('k')(run)) return lazily(async () => (await import('./krl.ts')).makeKrl);
  if (given('Q')(run)) return lazily(async () => (await import('./krl.ts')).queryKrl);
  if (valued('s')(run)) return lazily(async () => (await import('./certify.ts')).certifyKeys);
  const row = operations.find(({ asks }) => asks(run)) as OperationRow;
  return lazily(row.load);
}

function lazily(load: () => Promise<Operation>): Operation {
  return async (run) => (await load())(run);
}

async function help(run: Run): Promise<number> {
  const { keygenHelp } = await import('./help.ts');
  run.out(keygenHelp);
  return 0;
}

function refusePkcs11(): never {
  throw new Fatal('PKCS#11 tokens are not supported by this program: use ssh-keygen -D for the keys on one');
}

function refuseResident(): never {
  throw new Fatal('keys on a security key are not downloaded by this program, which does not drive such hardware: use ssh-keygen -K');
}
