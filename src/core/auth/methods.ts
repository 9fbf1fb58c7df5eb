/** One authentication method. */
interface MethodRow {
  /** Its name in lists: PreferredAuthentications, AuthenticationMethods, USERAUTH_FAILURE. */
  readonly name: string;
  /** Whether it asks the user something, so that BatchMode leaves it out. */
  readonly interactive: boolean;
}

/** The methods, in the order in which the client tries them by default (ssh_config(5) PreferredAuthentications). */
const authMethods: readonly MethodRow[] = [
  { name: 'hostbased', interactive: false },
  { name: 'publickey', interactive: false },
  { name: 'keyboard-interactive', interactive: true },
  { name: 'password', interactive: true },
];

/** The methods that the client tries, best first: the user's order, or the default, without what BatchMode forbids. */
export function preferredMethods(preferred: readonly string[] | undefined, batchMode: boolean): readonly string[] {
  const known = authMethods.filter((row) => !(batchMode && row.interactive)).map((row) => row.name);
  return preferred === undefined ? known : preferred.filter((name) => known.includes(name));
}

/**
 * Picks the client's next method from what the server says can go on.
 *
 * A method is kept until it has nothing left to send or the server names another list; then the search starts over with the best
 * (RFC 4252 section 5.1 leaves the choice to the client; this is OpenSSH's).
 */
export class MethodChoice {
  private readonly preferred: readonly string[];
  private readonly disabled = new Set<string>();
  private list: string | undefined;
  private next = 0;
  private current: string | undefined;

  constructor(preferred: readonly string[]) {
    this.preferred = preferred;
  }

  /** The method to try now, and whether it is another than before; undefined when none is left. */
  choose(canContinue: readonly string[]): { readonly method: string; readonly changed: boolean } | undefined {
    // an empty list is no list: all that is preferred may be tried
    const offered = canContinue.length === 0 ? this.preferred : canContinue;
    const list = offered.join(',');
    if (list !== this.list) {
      this.list = list;
      this.next = 0;
    } else if (this.current !== undefined && !this.disabled.has(this.current)) {
      return { method: this.current, changed: false };
    }
    for (; this.next < this.preferred.length; this.next++) {
      const method = this.preferred[this.next] as string;
      if (offered.includes(method) && !this.disabled.has(method)) {
        this.next++;
        this.current = method;
        return { method, changed: true };
      }
    }
    this.current = undefined;
    return undefined;
  }

  /** Leaves a method out from now on: it has nothing left to send. */
  disable(method: string): void {
    this.disabled.add(method);
  }
}

/**
 * What a server still demands of a user: lists of methods of which one must be gone through in order (sshd_config(5)
 * AuthenticationMethods). A method may name a device: `keyboard-interactive:pam`.
 */
export interface Demands {
  /** The methods left in each list; undefined where any one method will do. */
  readonly lists: readonly (readonly string[])[] | undefined;
}

/**
 * What is demanded at the start. Lists with a method that is not enabled are left out.
 *
 * @returns undefined where lists are configured and none is left: nobody can log in then.
 */
export function demandsOf(lists: readonly (readonly string[])[], enabled: readonly string[]): Demands | undefined {
  if (lists.length === 0) return { lists: undefined };
  const usable = lists.filter((list) => list.length > 0 && list.every((method) => enabled.includes(methodName(method))));
  return usable.length === 0 ? undefined : { lists: usable };
}

/** Whether this method may be tried now: it stands first in one of the lists. */
export function mayTry(demands: Demands, method: string): boolean {
  return demands.lists === undefined || demands.lists.some((list) => methodName(list[0] ?? '') === method);
}

/** What is still demanded after a method went well, or undefined when the user is in. */
export function afterSuccess(demands: Demands, method: string, device?: string): Demands | undefined {
  if (demands.lists === undefined) return undefined;
  const full = device === undefined ? method : `${method}:${device}`;
  const goesOn = (list: readonly string[]) => list[0] === method || list[0] === full;
  const done = demands.lists.some((list) => list.length === 1 && goesOn(list));
  const lists = demands.lists.map((list) => (goesOn(list) ? list.slice(1) : list));
  return done ? undefined : { lists };
}

function methodName(method: string): string {
  const colon = method.indexOf(':');
  return colon < 0 ? method : method.slice(0, colon);
}
