/**
 * `tsh-copy-id`: adds the user's public keys to a server's authorized_keys, in ssh-copy-id's words.
 *
 * Where ssh-copy-id logs in once for each key to see whether it is there, this asks the server about all of them before it logs in, on the
 * same connection where they are few.
 */
import { ConfigError } from '../config/environment.ts';
import type { KeyProbe } from '../core/auth/client-probe.ts';
import { PermissionDenied } from '../core/auth/client.ts';
import type { TshEvent } from '../core/events.ts';
import type { PublicKey } from '../core/keys/key.ts';
import { equalBytes, utf8Text } from '../core/util/bytes.ts';
import { SshError } from '../core/util/errors.ts';
import { isLogged, type Log, type LogLevel, stderrLog } from '../core/util/log.ts';
import { visibleText } from '../core/util/vis.ts';
import { Client } from '../client/client.ts';
import type { ClientConfig } from '../client/config.ts';
import { installKeys, type KeysToInstall } from '../client/install-keys.ts';
import { InstallError, installKeysBySftp } from '../client/install-keys-sftp.ts';
import { ChannelOpenError } from '../core/connection/open-error.ts';
import { openSftp } from '../core/sftp/session.ts';
import { localEnvironment } from '../files/config-files.ts';
import { expandTilde, readTextIfAny, whyInaccessible, writeTo } from '../node/files.ts';
import { servicePort, terminalTakesUtf8 } from '../node/local-host.ts';
import { ownCommand } from '../node/own-program.ts';
import { type HostCommandLine, parseCommandLine } from './command-line.ts';
import { findIdentities, type IdentityLine, type IdentitySource, NoIdentities } from './copy-id-keys.ts';
import { type CopyIdOptions, copyIdUsage, readCopyIdOptions } from './copy-id-options.ts';
import { loadLineConfig } from './line-config.ts';
import { runProgram } from './program.ts';
import { version } from './version.ts';

const FAILED = 1;

/** How many keys are asked about before a login on the same connection: servers hang up after six refusals, passwords included. */
const MOST_BEFORE_LOGIN = 3;
/** How many are asked about on a connection that is for nothing else. */
const MOST_AT_ONCE = 5;

/** Nothing is left to do once the keys were asked about. */
class AllAsked extends Error {}

class CopyId {
  private readonly name: string;
  private readonly options: CopyIdOptions;
  private readonly source: IdentitySource;
  private readonly welcome = new Set<PublicKey>();
  private readonly turnedDown = new Set<PublicKey>();
  private level: LogLevel = 'INFO';
  /** What the log said while keys are asked about: only a failure makes it worth reading. */
  private held: string[] | undefined;
  private told = false;
  private isNetScreen = false;

  constructor(name: string, options: CopyIdOptions, source: IdentitySource) {
    this.name = name;
    this.options = options;
    this.source = source;
  }

  async run(): Promise<number> {
    try {
      return await this.copy();
    } catch (error) {
      // what is wrong with the configuration was said while keys were asked about
      if (error instanceof ConfigError && this.held !== undefined) return this.failedAsking();
      throw error;
    }
  }

  private async copy(): Promise<number> {
    const { options } = this;
    if (!options.force) {
      this.say('INFO: attempting to log in with the new key(s), to filter out any that are already installed');
      this.held = [];
    }
    const keys = options.force ? [] : this.source.identities.flatMap(({ key }) => (key === undefined ? [] : [key]));
    const together = keys.length <= MOST_BEFORE_LOGIN && !options.dryRun;
    if (!together) {
      for (let at = 0; at < keys.length; at += MOST_AT_ONCE) {
        if (!(await this.askAlone(keys.slice(at, at + MOST_AT_ONCE)))) return this.failedAsking();
      }
    }
    if (!options.force && (!together || keys.length === 0) && !this.tellRemaining()) return 0;
    if (this.isNetScreen) return this.turnedAway();
    if (options.dryRun) return this.tellDryRun();
    if (options.force) return await this.install(this.probe([], () => !this.isNetScreen));
    return await this.install(together && keys.length > 0 ? this.probe(keys, () => this.tellRemaining() && !this.isNetScreen) : undefined);
  }

  private get remaining(): readonly IdentityLine[] {
    return this.source.identities.filter(({ key }) => key === undefined || !this.welcome.has(key));
  }

  private say(text: string): void {
    writeTo(2, `${this.name}: ${text}\n`);
  }

  /** Says how many keys are left, once; whether there are any. */
  private tellRemaining(): boolean {
    if (this.told) return true;
    const left = this.remaining.length;
    if (left === 0) {
      writeTo(2, `\n${this.name}: WARNING: All keys were skipped because they already exist on the remote system.\n`);
      writeTo(2, '\t\t(if you think this is a mistake, you may want to use -f option)\n\n');
      return false;
    }
    this.told = true;
    this.held = undefined;
    this.say(`INFO: ${String(left)} key(s) remain to be installed -- if you are prompted now it is to install the new keys`);
    return true;
  }

  private probe(keys: readonly PublicKey[], goOn: () => boolean): KeyProbe {
    return {
      keys,
      judged: (key, welcome) => void (welcome ? this.welcome : this.turnedDown).add(key),
      finished: () => {
        if (!goOn()) throw new AllAsked();
      },
      refused: (key) => Array.from(this.turnedDown).some((one) => equalBytes(one.blob, key.blob)),
    };
  }

  /** Asks about keys on a connection of their own; false where there was none. A server that hangs up has not told of the rest. */
  private async askAlone(keys: readonly PublicKey[]): Promise<boolean> {
    const config = await this.load();
    const client = this.client(
      config,
      this.probe(keys, () => false),
    );
    try {
      await client.open();
      return true;
    } catch (error) {
      if (error instanceof AllAsked || error instanceof PermissionDenied || this.anyAnswer(keys)) return true;
      client.tell(error);
      return false;
    } finally {
      client.abandon();
    }
  }

  private anyAnswer(keys: readonly PublicKey[]): boolean {
    return keys.some((key) => this.welcome.has(key) || this.turnedDown.has(key));
  }

  private failedAsking(): number {
    const text = (this.held ?? []).map((line) => `ERROR: ${line}`).join('');
    writeTo(2, `\n${this.name}: ${text.replace(/\n$/, '')}\n\n`);
    return FAILED;
  }

  private async install(probe: KeyProbe | undefined): Promise<number> {
    const client = this.client(await this.load(), probe);
    try {
      const { connection } = await client.open();
      if (!this.options.force && probe !== undefined && !this.tellRemaining()) return 0;
      this.held = undefined;
      if (this.isNetScreen) return this.turnedAway();
      const keys = {
        lines: this.remaining,
        file: this.options.target,
        again: this.options.force,
      };
      const added = await this.add(connection, keys);
      client.finish();
      if (added === undefined) return FAILED;
      this.tellAdded(added);
      return 0;
    } catch (error) {
      if (error instanceof AllAsked) return this.isNetScreen && this.remaining.length > 0 ? this.turnedAway() : 0;
      if (error instanceof InstallError) writeTo(2, `${visibleText(error.message)}\n`);
      else client.tell(error);
      // what was kept back is worth reading only where the server could not even be asked
      return this.held === undefined ? FAILED : this.failedAsking();
    } finally {
      client.abandon();
    }
  }

  /** Such a firewall has no authorized_keys: it takes DSA keys alone, by commands of its own, and there are none here. */
  private turnedAway(): number {
    for (const number of this.remaining.keys()) {
      this.say(`WARNING: Non-dsa key (#${String(number + 1)}) skipped (NetScreen only supports DSA keys)`);
    }
    return FAILED;
  }

  private async add(connection: Parameters<typeof installKeys>[0], keys: KeysToInstall): Promise<number | undefined> {
    const { sftp, trace } = this.options;
    try {
      if (!sftp) return await installKeys(connection, keys, { trace, output: (bytes, stream) => writeTo(stream + 1, utf8Text(bytes)) });
      const session = await openSftp(connection);
      const added = await installKeysBySftp(session.client, keys);
      session.close();
      return added;
    } catch (error) {
      if (error instanceof ChannelOpenError) {
        writeTo(2, `channel ${String(error.channel)}: open failed: ${visibleText(error.message)}\r\n`);
        return undefined;
      }
      if (error instanceof SshError && error.code === 'SSH_ERR_FEATURE_UNSUPPORTED') {
        writeTo(2, 'subsystem request failed on channel 0\r\n');
        return undefined;
      }
      throw error;
    }
  }

  private client(config: LoadedConfig, probe: KeyProbe | undefined): Client {
    return new Client({
      ...config,
      ident: `SSH-2.0-tsh_${version}`,
      program: { command: ownCommand('tsh'), configFile: this.options.passed.find(({ flag }) => flag === 'F')?.value, verbosity: 0 },
      events: (event: TshEvent) => {
        if (event.type === 'ident-received') this.isNetScreen = event.software.startsWith('NetScreen');
        if (event.type === 'banner' && this.held === undefined && isLogged('INFO', this.level)) {
          writeTo(2, visibleText(event.text, terminalTakesUtf8(process.env)));
        }
      },
      tracePackets: false,
      probe,
    });
  }

  /** The configuration, read anew for each connection. */
  private async load(): Promise<LoadedConfig> {
    const line = this.commandLine();
    const log = this.log;
    this.level = line.settings.get('logLevel') ?? 'INFO';
    const environment = localEnvironment(log);
    const config = await loadLineConfig(line, environment, (options) => void (this.level = options.logLevel));
    return { config, environment, log };
  }

  /** What ssh would be given. */
  private commandLine(): HostCommandLine {
    const { port, passed, destination } = this.options;
    const words = [
      '-a',
      '-x',
      '-T',
      ...(port === undefined ? [] : ['-p', port]),
      ...passed.flatMap(({ flag, value }) => [`-${flag}`, value]),
    ];
    const line = parseCommandLine([...words, '--', destination, 'true'], {
      log: this.log,
      writeError: (text) => writeTo(2, text),
      servicePort,
      variable: (name) => process.env[name],
      expandTilde,
      inaccessible: whyInaccessible,
    });
    if (line.action !== 'connect') throw new ConfigError('command line');
    return line;
  }

  private readonly log: Log = (level, text, source) => {
    const write = (line: string): void => {
      if (this.held === undefined) writeTo(2, line);
      else this.held.push(line);
    };
    stderrLog({ level: this.level, write })(level, text, source);
  };

  private tellDryRun(): number {
    const lines = this.remaining.map(({ line }) => line).join('\n');
    writeTo(1, `=-=-=-=-=-=-=-=\nWould have added the following key(s):\n\n${lines}\n=-=-=-=-=-=-=-=\n`);
    return 0;
  }

  private tellAdded(added: number): void {
    const { port, passed, destination, sftp, identity } = this.options;
    const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
    const { privateFile } = this.source;
    const words = [
      sftp ? 'sftp' : 'ssh',
      ...(identity === undefined ? [] : [privateFile === undefined ? '-i' : `-i ${privateFile}`]),
      ...(port === undefined ? [] : [`-${sftp ? 'P' : 'p'} ${port}`]),
      ...passed.map(({ flag, value }) => `-${flag} ${quoted(value)}`),
      quoted(destination),
    ];
    writeTo(
      1,
      `\nNumber of key(s) added: ${String(added)}\n\nNow try logging into the machine, with: "${words.join(' ')}"\nand check to make sure that only the key(s) you wanted were added.\n\n`,
    );
  }
}

interface LoadedConfig {
  readonly config: ClientConfig;
  readonly environment: ReturnType<typeof localEnvironment>;
  readonly log: Log;
}

async function main(argv: readonly string[]): Promise<number> {
  const name = process.argv[1] ?? 'tsh-copy-id';
  const options = readCopyIdOptions(argv, { program: name, fileText: textOf });
  if ('complaint' in options) {
    writeTo(2, `${options.complaint}${copyIdUsage(name)}`);
    return FAILED;
  }
  try {
    const home = process.env['HOME'] ?? localEnvironment(() => undefined).user.home;
    const source = await findIdentities(options, { home, agentSocket: process.env['SSH_AUTH_SOCK'] });
    writeTo(2, `${name}: INFO: Source of key(s) to be installed: ${source.name}\n`);
    if (source.identities.length === 0) throw new NoIdentities('No identities found');
    return await new CopyId(name, options, source).run();
  } catch (error) {
    if (error instanceof ConfigError) return FAILED;
    if (!(error instanceof NoIdentities)) throw error;
    writeTo(2, `${error.message.startsWith('failed to open') ? '\n' : ''}${name}: ERROR: ${error.message}\n`);
    return FAILED;
  }
}

function textOf(path: string): string | undefined {
  try {
    return readTextIfAny(path);
  } catch {
    return undefined;
  }
}

runProgram('tsh-copy-id', FAILED, main);
