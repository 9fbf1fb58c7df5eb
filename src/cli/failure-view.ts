import type { ConfigEnvironment } from '../config/environment.ts';
import type { EventSink, TshEvent } from '../core/events.ts';
import { isLogged, type LogLevel } from '../core/util/log.ts';
import type { ClientConfig } from '../client/config.ts';
import { identityPlan } from '../client/plans.ts';
import { Story } from '../client/why/story.ts';
import { writeTo } from '../node/files.ts';
import { isatty } from '../node/tty.ts';
import type { HostCommandLine } from './command-line.ts';

/** The one line that tsh prints beyond what ssh does, and only to a person who sits there. */
const hint = 'tsh: run again with --why for the cause of this and the way out';

/** Follows a run, and says at the end of a failed one why it failed: what `--why` asked for, else the hint. */
export class FailureView {
  private readonly story = new Story();
  private readonly line: Pick<HostCommandLine, 'why' | 'explain'>;
  private readonly config: ClientConfig;
  private readonly environment: ConfigEnvironment;

  /** With `--why` the programs that this one starts, as for ProxyJump, tell why too. */
  constructor(line: Pick<HostCommandLine, 'why' | 'explain'>, config: ClientConfig, environment: ConfigEnvironment) {
    this.line = line;
    this.config = config;
    this.environment = environment;
    if (this.wanted) process.env['TSH_WHY'] = '1';
  }

  /** Takes in one event. */
  tell(event: TshEvent): void {
    this.story.tell(event);
  }

  /** The run ended with ssh's own failure code. `events` gets the diagnosis where it is asked for. */
  async end(level: LogLevel, events: EventSink): Promise<void> {
    const { story, config } = this;
    if (story.left) return;
    const explains = this.line.explain === 'json';
    if (!this.wanted && !explains) {
      if (story.failed && isLogged('INFO', level) && isatty(0) && isatty(2)) writeTo(2, `${hint}\r\n`);
      return;
    }
    const { askedOf, diagnose } = await import('../client/why/diagnose.ts');
    const diagnosis = await diagnose(story, askedOf(config, identityPlan(config, this.environment)));
    events({ type: 'diagnosis', ...diagnosis });
    if (!this.wanted || explains) return;
    const [{ whyText }, { terminalPalette }] = await Promise.all([import('../client/why/why-view.ts'), import('./palette.ts')]);
    writeTo(2, whyText(diagnosis, terminalPalette(2)));
  }

  private get wanted(): boolean {
    const variable = process.env['TSH_WHY'];
    return this.line.why || (variable !== undefined && variable !== '' && variable !== '0');
  }
}
