import type { ConfigEnvironment } from '../../config/environment.ts';
import type { ClientConfig } from '../config.ts';

/** One row of what the doctor has to say. */
export interface Finding {
  /** The check that found it. */
  readonly check: string;
  readonly status: 'ok' | 'note' | 'bad';
  /** The file, key or algorithm that it is about. */
  readonly subject: string;
  readonly problem: string;
  /** What to do about it; empty where nothing need be done. */
  readonly fix: string;
  /** A mode that would mend it, which `--fix` sets when told to. */
  readonly mend?: { readonly path: string; readonly mode: number };
}

/** What is looked at. */
export interface DoctorScene {
  /** ~/.ssh. */
  readonly folder: string;
  readonly home: string;
  readonly uid: number;
  readonly environment: ConfigEnvironment;
  /** -F. */
  readonly configFile: string | undefined;
  /** The configuration for the host that was named; undefined where none was. */
  readonly config: ClientConfig | undefined;
}

/** A check: a name for its rows, and what it finds wrong; nothing where all is well. */
export interface Check {
  readonly name: string;
  /** What is well where nothing is found. */
  readonly well: string;
  readonly run: (scene: DoctorScene) => Promise<readonly Finding[]> | readonly Finding[];
}

/** A finding that something is wrong. */
export function bad(check: string, subject: string, problem: string, fix: string, mend?: Finding['mend']): Finding {
  return { check, status: 'bad', subject, problem, fix, ...(mend && { mend }) };
}
