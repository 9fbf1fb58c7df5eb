import { SshError } from '../util/errors.ts';
import type { Codec } from './codec.ts';
import { WireReader } from './reader.ts';
import { WireWriter } from './writer.ts';

/** The fields of a message, in their order on the wire. */
export type Fields = Readonly<Record<string, Codec<unknown>>>;

/** The values of declared fields. */
export type Values<F> = { readonly [K in keyof F]: F[K] extends Codec<infer T> ? T : never };

/** A message of the protocol: its number, its name and both directions between values and bytes. */
export interface Message<T> {
  readonly number: number;
  readonly name: string;
  /** The payload of a packet: the message number and the fields. */
  encode(values: T): Uint8Array;
  /**
   * The values in a payload; byte strings in them are views of it.
   *
   * @throws SshError where the payload is cut short, malformed, of another number or goes on after its last field.
   */
  decode(payload: Uint8Array): T;
}

/** Declares a sequence of fields without a message number. */
export function struct<F extends Fields>(fields: F): Codec<Values<F>> {
  const rows = Object.entries<Codec<unknown>>(fields);
  return {
    read: (reader) => {
      const values: Record<string, unknown> = {};
      for (const [name, codec] of rows) values[name] = codec.read(reader);
      return values as Values<F>;
    },
    write: (writer, values) => {
      for (const [name, codec] of rows) codec.write(writer, values[name as keyof F]);
    },
  };
}

/** Declares a message: one declaration gives its type, its parser and its serialiser. */
export function message<F extends Fields>(number: number, name: string, fields: F): Message<Values<F>> {
  const body = struct(fields);
  return {
    number,
    name,
    encode: (values) => {
      const writer = new WireWriter();
      writer.byte(number);
      body.write(writer, values);
      return written(writer);
    },
    decode: (payload) => {
      const reader = new WireReader(payload);
      if (reader.byte() !== number) throw new SshError('SSH_ERR_INVALID_FORMAT');
      const values = body.read(reader);
      reader.finish();
      return values;
    },
  };
}

/** Encodes one value of a data type. */
export function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const writer = new WireWriter();
  codec.write(writer, value);
  return written(writer);
}

/** What was written, of which no other copy stays behind: it may hold a password. */
function written(writer: WireWriter): Uint8Array {
  const bytes = writer.bytes();
  writer.wipe();
  return bytes;
}

/**
 * Decodes bytes that hold one value of a data type and nothing after it.
 *
 * @throws SshError where they are cut short, malformed or go on.
 */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const reader = new WireReader(bytes);
  const value = codec.read(reader);
  reader.finish();
  return value;
}

/** Bodies that depend on a name in the message before them: channel types, request names, authentication methods. */
export interface Variants<V extends Fields> {
  /** Whether the name is one of the declared. */
  has(name: string): name is keyof V & string;
  /** The body of the named variant as bytes. */
  encode<K extends keyof V & string>(name: K, values: Values<V>[K]): Uint8Array;
  /** The values of the named variant's body. @throws SshError as {@link decode} does. */
  decode<K extends keyof V & string>(name: K, bytes: Uint8Array): Values<V>[K];
}

/** Declares the bodies of a message by the name that selects them. */
export function variants<V extends Fields>(bodies: V): Variants<V> {
  return {
    has: (name): name is keyof V & string => Object.hasOwn(bodies, name),
    encode: (name, values) => encode(bodies[name] as Codec<unknown>, values),
    decode: (name, bytes) => decode(bodies[name] as Codec<unknown>, bytes) as Values<V>[typeof name],
  };
}
