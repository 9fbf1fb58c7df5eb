/** The modules that the build generates from NAME.as.ts; they are typed here so that types can be checked before they are built. */
declare module '*.wasm.ts' {
  /** The module's binary, in base64. */
  export const wasmBase64: string;
}
