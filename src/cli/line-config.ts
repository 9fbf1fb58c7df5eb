import { type ClientConfig, loadClientConfig } from '../client/config.ts';
import type { ConfigEnvironment } from '../config/environment.ts';
import type { FinalOptions } from '../config/finalize-client.ts';
import { isatty } from '../node/tty.ts';
import type { HostCommandLine } from './command-line.ts';

/**
 * The configuration for the host that a command line names.
 *
 * @param settled hears of the options as soon as they are settled, before the rest is looked at.
 * @throws ConfigError where it can't be used; the environment's log has said why.
 */
export async function loadLineConfig(
  line: HostCommandLine,
  environment: ConfigEnvironment,
  settled: (options: FinalOptions) => void = () => {},
): Promise<ClientConfig> {
  return await loadClientConfig({
    settings: line.settings,
    host: line.host,
    command: line.command,
    configFile: line.configFile,
    environment,
    stdinIsTerminal: isatty(0),
    muxCommand: line.muxCommand,
    hasStdioForward: line.stdioForward !== undefined,
    canonicalize: async (host, options) => {
      const { canonicalHost, systemNames } = await import('../client/canonicalize.ts');
      return { host: await canonicalHost(host, options, environment.log, systemNames(options)) };
    },
    settled,
  });
}
