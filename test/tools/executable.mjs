// What the package needs to know of executables: ELF (Linux), Mach-O (macOS) and PE (Windows) files.

/** ELF's words for a section that is part of the program, and for one that takes no place in the file. */
const SHF_ALLOC = 2;
const SHT_NOBITS = 8;

/**
 * A 64-bit ELF program without what only debuggers read: symbols and everything else that is in no segment, a quarter of Node's.
 * It must be done before a blob is injected.
 */
export function stripElf(file) {
  const header = { segments: Number(file.readBigUInt64LE(32)), sections: Number(file.readBigUInt64LE(40)) };
  const [segmentSize, segmentCount, sectionSize, sectionCount, namesIndex] = [54, 56, 58, 60, 62].map((at) => file.readUInt16LE(at));
  let end = header.segments + segmentSize * segmentCount;
  for (let number = 0; number < segmentCount; number++) {
    const at = header.segments + number * segmentSize;
    end = Math.max(end, Number(file.readBigUInt64LE(at + 8)) + Number(file.readBigUInt64LE(at + 32)));
  }
  const sections = Array.from({ length: sectionCount }, (_, number) =>
    Buffer.from(file.subarray(header.sections + number * sectionSize, header.sections + (number + 1) * sectionSize)),
  );
  const isKept = (section) => (section.readBigUInt64LE(8) & BigInt(SHF_ALLOC)) !== 0n;
  const kept = sections.slice(0, sections.findLastIndex(isKept) + 1);
  // Sections point at others by their number: those that stay must keep theirs.
  if (!kept.slice(1).every(isKept)) throw new Error('sections of the program stand behind others');
  for (const section of kept) {
    const last = Number(section.readBigUInt64LE(24)) + Number(section.readBigUInt64LE(32));
    if (section.readUInt32LE(4) !== SHT_NOBITS && last > end) throw new Error('a section of the program is in no segment');
  }
  const names = sections[namesIndex];
  const namesAt = Number(names.readBigUInt64LE(24));
  const namesBytes = file.subarray(namesAt, namesAt + Number(names.readBigUInt64LE(32)));
  names.writeBigUInt64LE(BigInt(end), 24);
  const padding = Buffer.alloc((8 - ((end + namesBytes.length) % 8)) % 8);
  const stripped = Buffer.concat([file.subarray(0, end), namesBytes, padding, ...kept, names]);
  stripped.writeBigUInt64LE(BigInt(end + namesBytes.length + padding.length), 40);
  stripped.writeUInt16LE(kept.length + 1, 60);
  stripped.writeUInt16LE(kept.length, 62);
  return stripped;
}

const elfMachines = { 62: 'x64', 183: 'arm64' };
const machMachines = { 0x01000007: 'x64', 0x0100000c: 'arm64' };
const peMachines = { 0x8664: 'x64', 0xaa64: 'arm64' };

/** What an executable is for, as our packages are named: `linux-x64`, `darwin-arm64`, `win-x64`; undefined where it is none of them. */
export function platformOf(file) {
  const magic = file.readUInt32LE(0);
  if (magic === 0x464c457f && file[4] === 2) return `linux-${elfMachines[file.readUInt16LE(18)]}`;
  if (magic === 0xfeedfacf) return `darwin-${machMachines[file.readUInt32LE(4)]}`;
  if ((magic & 0xffff) !== 0x5a4d) return undefined;
  const pe = file.readUInt32LE(0x3c);
  return file.readUInt32LE(pe) === 0x4550 ? `win-${peMachines[file.readUInt16LE(pe + 4)]}` : undefined;
}

const LC_CODE_SIGNATURE = 0x1d;
const machHeaderBytes = 32;

/** Whether a Mach-O program is signed: what is changed afterwards, macOS does not run. What is not signed, it runs on x64. */
export function isSigned(file) {
  let at = machHeaderBytes;
  for (let left = file.readUInt32LE(16); left > 0; left--) {
    if (file.readUInt32LE(at) === LC_CODE_SIGNATURE) return true;
    at += file.readUInt32LE(at + 4);
  }
  return false;
}

/**
 * Has a program ask the environment for nothing where it would ask for a variable: the name, a string of C's, becomes the empty one.
 *
 * @throws Error where the name does not stand there once, by itself, among other strings.
 */
export function forgetVariable(file, name) {
  const string = Buffer.from(`\0${name}\0`);
  const found = [];
  for (let at = file.indexOf(string); at !== -1; at = file.indexOf(string, at + 1)) {
    // V8's strings follow a length, C's the end of another string, with more zeros where they are aligned.
    const before = file.subarray(at - string.length, at + 1).findLast((byte) => byte !== 0);
    if (before >= 0x20 && before < 0x7f) found.push(at + 1);
  }
  if (found.length !== 1) throw new Error(`the program has ${found.length} places for ${name}`);
  const forgetful = Buffer.from(file);
  forgetful[found[0]] = 0;
  return forgetful;
}

/** Node's mark for a program inside: this string, and then a 1 in the place of a 0. */
const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:';

/** Whether a Node is told that it holds a program. */
export function isLoaded(file) {
  const at = file.indexOf(fuse);
  return at !== -1 && file[at + fuse.length] === '1'.charCodeAt(0);
}
