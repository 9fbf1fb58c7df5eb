import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const { files } = JSON.parse(readFileSync(new URL('../../vectors/keygen-scene.json', import.meta.url), 'utf8')) as {
  readonly files: Readonly<Record<string, string>>;
};

/** The names of the scene's files. */
export const sceneFiles: ReadonlySet<string> = new Set(Object.keys(files));

/** A new folder with keys, certificates, lists and signatures, for commands that are made up. */
export function makeScene(): string {
  const scene = mkdtempSync(path.join(tmpdir(), 'tsh-scene-'));
  for (const [name, content] of Object.entries(files))
    writeFileSync(path.join(scene, name), Buffer.from(content, 'base64'), { mode: 0o600 });
  return scene;
}

const AT_ONCE = 4;

/**
 * Compares numbered cases from 1 on, so many of them as is usual, or what the variable says: 1000, or 5000+1000 for those from 5000 on.
 *
 * @param compare tells how both programs differ in a case; undefined where they don't.
 */
export async function differences(
  variable: string,
  usual: number,
  compare: (number: number) => Promise<string | undefined>,
): Promise<string[]> {
  const [, first = '1', count = String(usual)] = /^(?:(\d+)\+)?(\d+)$/.exec(process.env[variable] ?? '') ?? [];
  const numbers = Array.from({ length: Number(count) }, (_, index) => Number(first) + index);
  const different: string[] = [];
  const worker = async (): Promise<void> => {
    for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) {
      const difference = await compare(number);
      if (difference !== undefined) different.push(difference);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return different;
}
