import { utf8Bytes } from '../util/bytes.ts';
import { lowerCase } from '../util/pattern.ts';
import { keyTypes } from './key-types.ts';
import { type KnownHostsModule, moduleLookingFor } from './known-hosts-module.ts';

/** A line of a text: where it stands, without its line break, and its number, counted from 1. */
export interface TextLine {
  readonly start: number;
  readonly end: number;
  readonly number: number;
}

/** A text that is not longer has so few lines that they are sooner read than the module is made. */
const SHORT = 32 * 1024;

/**
 * The lines of a known_hosts text that have to be read where a host is looked for by this name: those that may name it and those that may
 * not be in order. What is left out are comments and lines of other hosts, in order and without a marker: in a long text nearly all.
 */
export function suspectLines(text: string, name: string): TextLine[] {
  const module = text.length > SHORT && lowerCase(name) === name ? moduleLookingFor(name, utf8Bytes(name)) : undefined;
  if (module === undefined) return everyLine(text);
  knowTypes(module);
  const lines: TextLine[] = [];
  for (let at = 0, before = 0; at < text.length; ) {
    const end = pieceEnd(text, at, module.lines.length);
    const found = scan(module, text.slice(at, end));
    if (found === undefined) before = addLines(lines, text, at, end, before);
    else {
      for (let i = 0; i < found; i++) {
        const start = at + (module.found[2 * i] as number);
        lines.push({ start, end: lineEnd(text, start), number: before + (module.found[2 * i + 1] as number) + 1 });
      }
      before += module.exports.linesPassed();
    }
    at = end;
  }
  return lines;
}

/** All lines of a text. */
export function everyLine(text: string): TextLine[] {
  const lines: TextLine[] = [];
  addLines(lines, text, 0, text.length, 0);
  return lines;
}

/** How many lines of a piece the module finds; undefined where the piece is too long or not all ASCII. */
function scan({ lines, exports }: KnownHostsModule, piece: string): number | undefined {
  if (piece.length > lines.length) return undefined;
  const { read, written } = encoder.encodeInto(piece, lines);
  return read === piece.length && written === read ? exports.scan(read) : undefined;
}

const encoder = new TextEncoder();

/** Where a piece of whole lines ends that the module has room for; a line that is longer is a piece of its own. */
function pieceEnd(text: string, at: number, room: number): number {
  if (text.length - at <= room) return text.length;
  const last = text.lastIndexOf('\n', at + room - 1);
  return last < at ? lineEnd(text, at + room) + 1 : last + 1;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}

/** Adds the lines of a piece, of which so many stand before it; returns how many stand before the next. */
function addLines(lines: TextLine[], text: string, from: number, to: number, before: number): number {
  let number = before;
  for (let start = from; start < to; ) {
    const end = lineEnd(text, start);
    lines.push({ start, end, number: ++number });
    start = end + 1;
  }
  return number;
}

/** Tells the module the types of keys: each behind its length. */
function knowTypes({ types }: KnownHostsModule): void {
  if (types[0] !== 0) return;
  let at = 0;
  for (const { name } of keyTypes) {
    types[at] = name.length;
    at += 1 + encoder.encodeInto(name, types.subarray(at + 1)).written;
  }
}
