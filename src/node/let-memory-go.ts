import v8 from 'node:v8';
import vm from 'node:vm';

const name = 'transfer';
const flag = 'harmony-rab-gsab-transfer';

/**
 * Gives this runtime ES2024's ArrayBuffer.prototype.transfer where it lacks it, for a process that has much to do with node:crypto's
 * ciphers: Node 20 has the function, but only behind a flag that counts for a realm that begins. So one begins for that, which takes a
 * millisecond; the flags stay as they were. Nothing happens where the runtime knows no such flag.
 */
export function letMemoryGo(): void {
  if (name in ArrayBuffer.prototype) return;
  v8.setFlagsFromString(`--${flag}`);
  try {
    const value: unknown = vm.runInNewContext(`ArrayBuffer.prototype.${name}`);
    if (typeof value === 'function') Object.defineProperty(ArrayBuffer.prototype, name, { value, writable: true, configurable: true });
  } finally {
    v8.setFlagsFromString(`--no-${flag}`);
  }
}
