/** The grammar of forwardings: -L, -R, -D, -W and their keywords (ssh(1)). */
import { SshError } from '../core/util/errors.ts';
import { expandEnvironment } from '../core/util/percent.ts';
import type { Lookups, ServicePort } from './kind.ts';

/** Where a forwarding listens or connects: a port, or the path of a Unix socket. A missing host leaves the address to GatewayPorts. */
export type ForwardEnd = { readonly host: string | undefined; readonly port: number } | { readonly path: string };

/** One forwarding; without a `connect` end its destinations come by SOCKS. */
export interface Forward {
  readonly listen: ForwardEnd;
  readonly connect: ForwardEnd | undefined;
  /** Grows with each forwarding that a keyword or flag gives, of whatever kind. */
  readonly order?: number;
}

/** Which way a forwarding goes, and whether it may leave out its destination. */
export type ForwardKind = 'local' | 'remote' | 'dynamic' | 'remoteDynamic';

/** Limits of a host name (NI_MAXHOST) and of a Unix socket's path (sun_path). */
const longestHost = 1024;
const longestPath = 107;

/**
 * Reads a forwarding as it stands on the command line: `[address:]port:host:port` and its forms with paths, `${NAME}` replaced.
 *
 * @returns undefined where it is wrong; where a variable is, the log has said so.
 */
export function parseForward(text: string, kind: ForwardKind, lookups: Lookups): Forward | undefined {
  const expanded = replaceVariables(text, lookups);
  const fields = expanded === undefined ? undefined : splitFields(expanded.replace(/^[ \t\n\v\f\r]+/, ''));
  if (fields === undefined) return undefined;
  const forward = assemble(fields, lookups.servicePort);
  if (forward === undefined) return undefined;
  const { listen, connect } = forward;
  if (kind === 'dynamic' || kind === 'remoteDynamic') {
    if (connect !== undefined && fields.length > 2) return undefined;
  } else if (connect === undefined || ('port' in connect && connect.port === 0)) {
    return undefined;
  }
  if ('port' in listen && listen.port === 0 && kind !== 'remote' && kind !== 'remoteDynamic') return undefined;
  return isShort(listen) && (connect === undefined || isShort(connect)) ? forward : undefined;
}

/** What -W ties stdin and stdout to: a host and port as the server sees them, or a socket's path there. */
export type StdioForward = { readonly host: string; readonly port: number } | { readonly path: string };

/** Reads -W's `host:port` or path. What has no host is let through, as OpenSSH does, and forwards nothing. */
export function parseStdioForward(text: string, lookups: Lookups): StdioForward | 'nothing' | undefined {
  // It is read as the destination of a dynamic forwarding, with a port to be connected to.
  const forward = parseForward(text, 'dynamic', lookups);
  if (forward === undefined || forward.connect !== undefined) return undefined;
  const { listen } = forward;
  if ('path' in listen) return listen;
  return listen.host === undefined ? 'nothing' : { host: listen.host, port: listen.port };
}

/** How `-G` shows a forwarding, the destination where `destination` asks for it. */
export function formatForward(forward: Forward, destination: boolean): string {
  const listen = formatEnd(forward.listen);
  if (!destination) return listen;
  const connect = forward.connect;
  if (connect === undefined) return `${listen} [socks]:0`;
  return `${listen} ${'path' in connect ? connect.path : `[${connect.host ?? ''}]:${connect.port}`}`;
}

/** Whether two forwardings are the same. */
export function sameForward(a: Forward, b: Forward): boolean {
  return sameEnd(a.listen, b.listen) && sameEnd(a.connect, b.connect);
}

/** A port by its number or its service's name; undefined for anything else. */
export function parsePort(text: string, servicePort: ServicePort): number | undefined {
  if (/^[ \t\n\v\f\r]*[+-]?[0-9]+$/.test(text)) {
    const port = Number(text);
    if (port >= 0 && port <= 65_535) return port === 0 ? 0 : port;
  }
  return servicePort(text);
}

function replaceVariables(text: string, { variable, log }: Lookups): string | undefined {
  try {
    return expandEnvironment(text, variable);
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    log('ERROR', `vdollar_percent_expand: ${error.detail ?? ''}`);
    return undefined;
  }
}

interface Field {
  readonly text: string;
  readonly isPath: boolean;
}

/** Up to four fields between colons; brackets hold one together, a backslash protects the next character. */
function splitFields(text: string): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  while (at < text.length) {
    if (fields.length === 4) return undefined;
    let field = '';
    let isPath = false;
    if (text[at] === '[') {
      const end = text.indexOf(']', at);
      const after = text[end + 1];
      if (end < 0 || (after !== ':' && after !== undefined)) return undefined;
      field = text.slice(at + 1, end);
      isPath = field.includes('/');
      at = end + 2;
    } else {
      for (; at < text.length && text[at] !== ':'; at++) {
        const escaped = text[at] === '\\';
        if (escaped && ++at >= text.length) return undefined;
        if (!escaped && text[at] === '/') isPath = true;
        field += text.charAt(at);
      }
      at++;
    }
    fields.push({ text: field, isPath });
  }
  return fields;
}

function assemble(fields: readonly Field[], servicePort: ServicePort): Forward | undefined {
  const [a, b, c, d] = fields;
  if (a === undefined) return undefined;
  const end = (host: Field | undefined, port: Field): ForwardEnd | undefined => {
    const number = parsePort(port.text, servicePort);
    return number === undefined ? undefined : { host: host?.text, port: number };
  };
  let listen: ForwardEnd | undefined;
  let connect: ForwardEnd | undefined;
  let dynamic = false;
  if (b === undefined) {
    listen = a.isPath ? { path: a.text } : end(undefined, a);
    dynamic = true;
  } else if (c === undefined) {
    if (b.isPath) {
      listen = a.isPath ? { path: a.text } : end(undefined, a);
      connect = { path: b.text };
    } else {
      listen = end(a, b);
      dynamic = true;
    }
  } else if (d === undefined) {
    if (a.isPath) {
      listen = { path: a.text };
      connect = end(b, c);
    } else if (c.isPath) {
      listen = end(a, b);
      connect = { path: c.text };
    } else {
      listen = end(undefined, a);
      connect = end(b, c);
    }
  } else {
    listen = end(a, b);
    connect = end(c, d);
  }
  if (listen === undefined || (connect === undefined && !dynamic)) return undefined;
  return { listen, connect };
}

function isShort(end: ForwardEnd): boolean {
  return 'path' in end ? end.path.length < longestPath : (end.host ?? '').length < longestHost;
}

function formatEnd(end: ForwardEnd): string {
  if ('path' in end) return end.path;
  return end.host === undefined ? String(end.port) : `[${end.host}]:${end.port}`;
}

function sameEnd(a: ForwardEnd | undefined, b: ForwardEnd | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if ('path' in a || 'path' in b) return 'path' in a && 'path' in b && a.path === b.path;
  return a.host === b.host && a.port === b.port;
}
