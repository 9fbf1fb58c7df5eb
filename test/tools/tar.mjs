// Tar archives (POSIX.1-1988 ustar), for packages: files, folders and symbolic links, with nothing in them that depends on who makes them.
import { gunzipSync, gzipSync } from 'node:zlib';

const block = 512;

/**
 * The regular files of a gzipped archive.
 *
 * @returns {Map<string, Uint8Array>} their contents, views of one buffer, by their names.
 */
export function untar(bytes) {
  const archive = gunzipSync(bytes);
  const files = new Map();
  for (let at = 0; at + block <= archive.length && archive[at] !== 0; ) {
    const header = archive.subarray(at, at + block);
    const size = parseInt(text(header, 124, 12), 8);
    const prefix = text(header, 345, 155);
    const name = `${prefix === '' ? '' : `${prefix}/`}${text(header, 0, 100)}`;
    const body = archive.subarray(at + block, at + block + size);
    if (['', '0'].includes(text(header, 156, 1))) files.set(name, body);
    at += block + Math.ceil(size / block) * block;
  }
  return files;
}

/**
 * A gzipped archive of entries in the order of their names: all belong to root and were made at one time.
 *
 * @param {readonly {name: string, bytes?: Uint8Array, link?: string, mode?: number}[]} entries files, or links to `link`; modes are 0644.
 * @param {number} seconds the time, since 1970.
 */
export function tar(entries, seconds) {
  const parts = [];
  for (const { name, bytes = Buffer.alloc(0), link = '', mode = 0o644 } of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (Buffer.byteLength(name) > 100 || Buffer.byteLength(link) > 100) throw new Error(`${name}: too long a name`);
    const header = Buffer.alloc(block);
    const octal = (value, at, length) => header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
    header.write(name, 0);
    octal(link === '' ? mode : 0o777, 100, 8);
    octal(0, 108, 8);
    octal(0, 116, 8);
    octal(bytes.length, 124, 12);
    octal(seconds, 136, 12);
    header.write(`        ${link === '' ? '0' : '2'}${link}`, 148);
    header.write('ustar\x0000root', 257, 'latin1');
    header.write('root', 297);
    octal(
      header.reduce((sum, byte) => sum + byte, 0),
      148,
      7,
    );
    parts.push(header, bytes, Buffer.alloc((block - (bytes.length % block)) % block));
  }
  return gzipSync(Buffer.concat([...parts, Buffer.alloc(2 * block)]), { level: 6 });
}

function text(header, at, length) {
  const bytes = header.subarray(at, at + length);
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end === -1 ? length : end).trim();
}
