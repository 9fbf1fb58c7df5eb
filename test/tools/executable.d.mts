export function stripElf(file: Buffer): Buffer;
export function platformOf(file: Buffer): string | undefined;
export function isLoaded(file: Buffer): boolean;
export function isSigned(file: Buffer): boolean;
