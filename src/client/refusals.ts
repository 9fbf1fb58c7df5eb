/** What can be asked for but is not there: a connection that was promised it must not go on without. */
import type { ClientOption } from '../config/client-keywords.ts';
import { dumpName } from '../config/dump.ts';
import type { FinalOptions } from '../config/finalize-client.ts';
import { commandLineFile, type Settings } from '../config/settings.ts';

/** What a command line asked for that is no keyword. */
export interface AskedFlags {
  readonly muxCommand: string | undefined;
}

interface Refusal {
  readonly option: ClientOption;
  readonly what: string;
  readonly isAsked: (options: FinalOptions) => boolean;
  /** Only what the command line says is refused; from a file it means nothing. */
  readonly fromCommandLineOnly?: true;
}

const refused: readonly Refusal[] = [
  { option: 'forkAfterAuthentication', what: 'going to the background (-f)', isAsked: (options) => options.forkAfterAuthentication },
  {
    option: 'controlMaster',
    what: 'sharing a connection (-M)',
    isAsked: (options) => options.controlMaster !== 'false',
    fromCommandLineOnly: true,
  },
  {
    option: 'controlPath',
    what: 'sharing a connection (-S)',
    isAsked: (options) => options.controlPath !== undefined,
    fromCommandLineOnly: true,
  },
  {
    option: 'controlPersist',
    what: 'sharing a connection',
    isAsked: (options) => options.controlPersist !== 'no',
    fromCommandLineOnly: true,
  },
  { option: 'remoteForward', what: 'remote forwarding (-R)', isAsked: (options) => options.remoteForward.length > 0 },
  { option: 'dynamicForward', what: 'dynamic forwarding (-D)', isAsked: (options) => options.dynamicForward.length > 0 },
  { option: 'forwardX11', what: 'X11 forwarding (-X, -Y)', isAsked: (options) => options.forwardX11 },
  { option: 'tunnel', what: 'tunnel devices (-w)', isAsked: (options) => options.tunnel !== 'false' },
];

/**
 * A line for everything that is asked for and can't be had yet, saying where it is asked for; none where a connection may go on. `-G` shows
 * all of it nevertheless.
 */
export function refusals(options: FinalOptions, settings: Settings, flags: AskedFlags): string[] {
  const lines: string[] = [];
  // what the configuration itself says, in its own words
  if (options.refuseConnection !== undefined) lines.push(options.refuseConnection);
  if (flags.muxCommand !== undefined) lines.push(`-O ${flags.muxCommand}: sharing a connection is not available in this version`);
  for (const { option, what, isAsked, fromCommandLineOnly } of refused) {
    if (!isAsked(options)) continue;
    const origins = settings.origins(option);
    const origin = fromCommandLineOnly === true ? origins.find(({ file }) => file === commandLineFile) : origins[0];
    if (origin === undefined) continue;
    const where = origin.file === commandLineFile ? 'command line' : `${origin.file} line ${origin.line}`;
    lines.push(`${where}: ${dumpName(option)}: ${what} is not available in this version`);
  }
  return lines;
}
