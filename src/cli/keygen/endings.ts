/** The ways in which `tsh-keygen` ends before it is done. */

/** Ends the program with a message in the log and status 255. */
export class Fatal extends Error {}

/** Ends the program with this status; what is to be said has been said. */
export class Exit extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`exit ${status}`);
    this.status = status;
  }
}

/** What went wrong, behind what was being done: OpenSSH's way to tell of an error. Anything unexpected is thrown on. */
export function because(what: string, error: unknown): Fatal {
  return new Fatal(`${what}: ${reason(error)}`, { cause: error });
}

/** The text of an error that a user is told: of the system, of a key, of a file. */
export function reason(error: unknown): string {
  if (error instanceof Error && (error.name === 'SystemError' || error.name === 'SshError')) return error.message;
  throw error;
}
