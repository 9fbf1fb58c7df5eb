import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatHashedName, formatHashedNames, isMalformedHashedName } from '../../../src/core/keys/hashed-name.ts';
import { keyTypes } from '../../../src/core/keys/key-types.ts';
import { hostMatcher, knownHostsEntries, parseKnownHostsLine } from '../../../src/core/keys/known-hosts.ts';
import { everyLine, suspectLines } from '../../../src/core/keys/known-hosts-lines.ts';
import { publicKeyFile } from './vectors.ts';

const { key } = publicKeyFile('ed25519.pub');
const encoded = Buffer.from(key.blob).toString('base64');

const NAME = 'host7.example.org';
const saltOf = (seed: number): Uint8Array => Uint8Array.from({ length: 20 }, (_, index) => (seed * 31 + index * 7) & 0xff);

/** Lines of other hosts, in order: far more than are read one by one. */
const others = Array.from({ length: 1200 }, (_, index) => {
  const name = `other${index}.example.org`;
  return `${index % 3 === 0 ? formatHashedName(saltOf(index), name) : name} ${key.name} ${encoded}`;
});

/** What any of a file's lines may be. */
const special = fc.oneof(
  fc.constantFrom(
    `${NAME} ${key.name} ${encoded}`,
    ` \t${NAME},192.0.2.1\t${key.name}  ${encoded} a comment`,
    `HOST7.example.ORG ${key.name} ${encoded}`,
    `*.example.org,!other ${key.name} ${encoded}`,
    `host?.example.org ${key.name} ${encoded}`,
    `x${NAME} ${key.name} ${encoded}`,
    `@cert-authority ${NAME} ${key.name} ${encoded}`,
    `@revoked * ${key.name} ${encoded}`,
    `@nonsense ${NAME} ${key.name} ${encoded}`,
    `${NAME} ssh-unknown ${encoded}`,
    `${NAME} ${key.name}`,
    `${NAME} ${key.name} \r`,
    `${NAME} ${key.name} ${encoded}\r`,
    `${NAME} ${key.name} AAAA`,
    `elsewhere ${key.name} ${encoded} ü€\u{1F511}`,
    `${NAME} ${key.name} ${encoded} ü€\u{1F511}`,
    `é${NAME} ${key.name} ${encoded}`,
    `|1|${'A'.repeat(70)} ${key.name} ${encoded}`,
    `${formatHashedName(saltOf(1), NAME).replace('|1|', '|2|')} ${key.name} ${encoded}`,
    '# a comment',
    '  # one more',
    ' \t ',
    '',
    'x',
    'y'.repeat(70_000),
    `long ${key.name} ${encoded} ${'z'.repeat(65_536)}`,
    `${NAME} ${key.name} ${encoded} ${'z'.repeat(60_000)}`,
  ),
  fc.nat(255).map((seed) => `${formatHashedName(saltOf(seed), NAME)} ${key.name} ${encoded}`),
  fc.string({ unit: fc.constantFrom(' ', '\t', '@', '#', '|', '*', ',', 'h', key.name, NAME, encoded), maxLength: 8 }),
);

describe('the lines of a long text that have to be read', () => {
  test('are all that may name the host or are not in order', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(special, fc.nat(others.length)), { maxLength: 12 }), fc.boolean(), (specials, ends) => {
        const lines = [...others];
        for (const [line, at] of specials) lines.splice(at, 0, line);
        const text = lines.join('\n') + (ends ? '\n' : '');
        const read = suspectLines(text, NAME);
        const numbers = new Set(read.map(({ number }) => number));
        expect(read.map(({ start, end }) => text.slice(start, end))).toEqual(read.map(({ number }) => lines[number - 1]));
        expect([...numbers]).toEqual([...numbers].toSorted((a, b) => a - b));
        const matches = hostMatcher(NAME);
        for (const [index, line] of lines.entries()) {
          const parsed = parseKnownHostsLine(line);
          const isOrdinary =
            parsed.at === 'entry' && parsed.marker === undefined && !matches(parsed.hosts) && !isMalformedHashedName(parsed.hosts);
          if (parsed.at !== 'comment' && !isOrdinary) expect(numbers).toContain(index + 1);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('give the entries that the lines give one by one', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(special, fc.nat(others.length)), { maxLength: 12 }), (specials) => {
        const lines = [...others];
        for (const [line, at] of specials) lines.splice(at, 0, line);
        const told: string[] = [];
        const found = (text: string, before: number) =>
          knownHostsEntries([{ file: 'f', text }], NAME, (_file, line, reason) => void told.push(`${line + before} ${reason}`)).map(
            (entry) => entry.line + before,
          );
        const together = found(lines.join('\n'), 0);
        const toldTogether = told.splice(0);
        expect(together).toEqual(lines.flatMap((line, index) => found(line, index)));
        expect(toldTogether).toEqual(told);
      }),
      { numRuns: 10 },
    );
  });

  test('are none where all are of other hosts', () => {
    expect(suspectLines(others.join('\n'), NAME)).toEqual([]);
    const types = keyTypes.map(({ name }) => `host ${name} ${encoded}`);
    expect(suspectLines([...others, ...types].join('\n'), NAME)).toEqual([]);
  });

  test('are all whose hashed name has no salt, and none whose hash alone is malformed', () => {
    const good = formatHashedName(saltOf(2), 'other');
    const [salt, hash] = [good.slice(3, 31), good.slice(32)];
    const malformed = [
      ...Array.from({ length: 31 }, (_, at) => `${good.slice(0, at)}-${good.slice(at + 1)}`),
      ...Array.from({ length: 27 }, (_, at) => `|1|${salt.slice(0, at)}|${salt.slice(at + 1)}|${hash}`),
      `|1|${salt.slice(0, 26)}/=|${hash}`,
      `|1|${salt}${hash}x`,
      `|1|${salt}`,
      `|1||${hash}`,
      `|1|AAAA${salt}|${hash}`,
      '|',
    ].filter((hosts) => hosts.startsWith('|'));
    const fine = [good, `|1|${salt}|*${hash.slice(1)}`, `|1|${'A'.repeat(27)}=|${hash}`];
    for (const hosts of malformed) expect(isMalformedHashedName(hosts)).toBe(true);
    for (const hosts of fine) expect(isMalformedHashedName(hosts)).toBe(false);
    const lines = [...fine, ...malformed].map((hosts) => `${hosts} ${key.name} ${encoded}`);
    const numbers = suspectLines([...others, ...lines].join('\n'), NAME).map(({ number }) => number);
    expect(numbers).toEqual(malformed.map((_, index) => others.length + fine.length + index + 1));
  });

  test('are all where the name has more bytes than are looked for, or letters in upper case', () => {
    const text = others.join('\n');
    for (const name of ['h'.repeat(300), 'Host']) expect(suspectLines(text, name)).toEqual(everyLine(text));
  });

  test('are told anew when another name is looked for', () => {
    const text = [...others, `|1|none ${key.name} ${encoded}`].join('\n');
    for (const index of [3, 4, 3, 900, 901]) {
      expect(suspectLines(text, `other${index}.example.org`).map(({ number }) => number)).toContain(index + 1);
    }
  });
});

test('many names are hashed as each of them is', () => {
  const short = fc.string({ maxLength: 55 }).filter((one) => /^[ -~]*$/.test(one));
  const lists = [short, fc.oneof(fc.string({ maxLength: 70 }), short), fc.string({ unit: 'grapheme' })];
  const names = fc.oneof(...lists.map((one) => fc.array(one, { minLength: 65, maxLength: 80 })));
  fc.assert(
    fc.property(names, fc.nat(255), (all, seed) => {
      const salts = Uint8Array.from({ length: all.length * 20 }, (_, index) => (index * seed + (index >> 3)) & 0xff);
      expect(formatHashedNames(salts, all)).toEqual(
        all.map((name, index) => formatHashedName(salts.subarray(index * 20, index * 20 + 20), name)),
      );
    }),
    { numRuns: 30 },
  );
  const more = Array.from({ length: 2500 }, (_, index) => `host${index}`);
  const salts = Uint8Array.from({ length: more.length * 20 }, (_, index) => (index * 13 + (index >> 8)) & 0xff);
  expect(formatHashedNames(salts, more)).toEqual(
    more.map((name, index) => formatHashedName(salts.subarray(index * 20, index * 20 + 20), name)),
  );
});
