/** What files and command line set, and where each value comes from. */
import { clientKeywords, type ClientOption, type ClientSettings, type Row, type ValueOf } from './client-keywords.ts';

/** A Host or Match block. */
export interface Block {
  readonly kind: 'Host' | 'Match';
  /** What follows the keyword. */
  readonly text: string;
  readonly file: string;
  readonly line: number;
  /** Whether its lines count. */
  readonly applies: boolean;
  /** Why it does or doesn't: the pattern or the criterion that decided. */
  readonly reason: string;
}

/** Where a value was set. Line 0 of `command-line` is the command line. */
export interface Origin {
  readonly file: string;
  readonly line: number;
  /** The block that the line stands in; undefined before the first block and on the command line. */
  readonly block: Block | undefined;
  /** The value means itself: nothing in it is to be replaced. */
  readonly literal?: true;
}

/** A value that came too late: an earlier line had set the option. */
export interface Shadowed {
  readonly option: ClientOption;
  /** As `-G` would show it. */
  readonly shown: readonly string[];
  readonly origin: Origin;
}

/** The file name of what the command line sets. */
export const commandLineFile = 'command-line';

/** The values that were set so far: the first one counts, or they add up, as the option's kind says. */
export class Settings {
  readonly #values: Partial<Record<ClientOption, unknown>> = {};
  readonly #origins = new Map<ClientOption, Origin[]>();
  /** Values that came too late. */
  readonly shadowed: Shadowed[] = [];
  /** The blocks that were met, in their order; on a second pass once more. */
  readonly blocks: Block[] = [];

  /** The value of an option, or undefined where nothing has set it. */
  get<K extends ClientOption>(option: K): ValueOf<K> | undefined {
    return this.#values[option] as ValueOf<K> | undefined;
  }

  /** Sets an option where it is not set yet, or adds to it. */
  add<K extends ClientOption>(option: K, value: ValueOf<K>, origin: Origin): void {
    const kind = rowOf(option).kind;
    const before = this.#values[option] as ValueOf<K> | undefined;
    if (before !== undefined && kind.append === undefined) {
      this.shadow(option, value, origin);
      return;
    }
    this.#values[option] = kind.append === undefined ? value : kind.append(before, value);
    this.#origins.set(option, [...this.origins(option), origin]);
  }

  /** Notes a value that came too late; a line that a second pass meets again is not late. */
  shadow<K extends ClientOption>(option: K, value: ValueOf<K>, origin: Origin): void {
    const isKnown = (known: Origin): boolean => known.file === origin.file && known.line === origin.line;
    if (this.origins(option).some(isKnown) || this.shadowed.some((late) => late.option === option && isKnown(late.origin))) return;
    this.shadowed.push({ option, shown: rowOf(option).kind.format(value), origin });
  }

  /** Puts a value in the place of what was set. */
  replace<K extends ClientOption>(option: K, value: ValueOf<K>, origin: Origin): void {
    this.#values[option] = value;
    this.#origins.set(option, [origin]);
  }

  /** Where an option was set: one place, or one for each value that adds up. */
  origins(option: ClientOption): readonly Origin[] {
    return this.#origins.get(option) ?? [];
  }

  /** What was set, as one object. */
  values(): ClientSettings {
    return { ...this.#values } as ClientSettings;
  }
}

/** The row of an option, with its type. */
export function rowOf<K extends ClientOption>(option: K): Row<ValueOf<K>> {
  return clientKeywords[option] as unknown as Row<ValueOf<K>>;
}
