/**
 * Messages of the API as bytes and as objects, by a schema that was made when this was built. A client
 * that asks one question has its answer before a general library has read what it may be asked.
 * Objects are those that definition.ts makes: numbers for longs, names for enums, defaults, oneofs.
 */

import { Reader, Wire, Writer } from '../protobuf-bytes.js';

/** Name, number, type, how many of it (maybe: one, or nothing), and the oneof that it is part of. */
export type FieldSchema = readonly [
  name: string,
  number: number,
  type: string,
  kind: 'one' | 'maybe' | 'list' | 'map',
  oneof?: string,
];

export interface Schema {
  readonly messages: Readonly<Record<string, readonly FieldSchema[]>>;
  readonly enums: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

type Message = Record<string, unknown>;

/** Encodes and decodes messages of one schema by their full names. */
export class WireCodec {
  readonly #schema: Schema;
  readonly #byNumber = new Map<string, Map<number, FieldSchema>>();
  readonly #namesOf = new Map<string, Map<number, string>>();

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  /** Fields that are absent, undefined or null are left out. */
  encode(type: string, value: object): Buffer {
    const writer = new Writer();
    this.#write(writer, type, value as Message);
    return writer.bytes();
  }

  /** @throws RangeError when the bytes are no such message */
  decode(type: string, bytes: Uint8Array): object {
    return this.#read(type, new Reader(bytes));
  }

  #fields(type: string): readonly FieldSchema[] {
    const fields = this.#schema.messages[type];
    if (fields === undefined) throw new RangeError(`no message ${type}`);
    return fields;
  }

  #write(writer: Writer, type: string, message: Message): void {
    for (const field of this.#fields(type)) {
      const [name, number, of, kind] = field;
      const value = message[name];
      if (value === undefined || value === null) continue;
      if (kind === 'map') {
        for (const [key, each] of Object.entries(value)) {
          const entry = new Writer();
          this.#writeValue(entry, 1, 'string', key);
          this.#writeValue(entry, 2, of, each);
          writer.tag(number, Wire.BYTES);
          writer.block(entry.bytes());
        }
      } else if (kind === 'list') {
        this.#writeList(writer, number, of, value as readonly unknown[]);
      } else {
        this.#writeValue(writer, number, of, value);
      }
    }
  }

  #writeList(writer: Writer, number: number, of: string, values: readonly unknown[]): void {
    if (values.length === 0) return;
    if (this.#wireOf(of) === Wire.BYTES) {
      for (const value of values) this.#writeValue(writer, number, of, value);
      return;
    }
    const packed = new Writer();
    for (const value of values) this.#writeScalar(packed, of, value);
    writer.tag(number, Wire.BYTES);
    writer.block(packed.bytes());
  }

  #writeValue(writer: Writer, number: number, of: string, value: unknown): void {
    writer.tag(number, this.#wireOf(of));
    this.#writeScalar(writer, of, value);
  }

  #writeScalar(writer: Writer, of: string, value: unknown): void {
    if (of === 'string') writer.text(String(value));
    else if (of === 'bytes') writer.block(value as Uint8Array);
    else if (of === 'bool') writer.varint(value ? 1 : 0);
    else if (of === 'double') writer.double(Number(value));
    else if (of === 'uint32' || of === 'uint64') writer.varint(Number(value));
    else this.#writeNamed(writer, of, value);
  }

  #writeNamed(writer: Writer, of: string, value: unknown): void {
    const values = this.#schema.enums[of];
    if (values !== undefined) {
      writer.varint(typeof value === 'string' ? (values[value] ?? 0) : Number(value));
      return;
    }
    const inner = new Writer();
    this.#write(inner, of, value as Message);
    writer.block(inner.bytes());
  }

  #wireOf(of: string): number {
    if (of === 'double') return Wire.FIXED64;
    if (of === 'string' || of === 'bytes' || this.#schema.messages[of] !== undefined) {
      return Wire.BYTES;
    }
    return Wire.VARINT;
  }

  #read(type: string, reader: Reader): Message {
    const message = this.#blank(type);
    const byNumber = this.#numbers(type);
    while (!reader.done) {
      const tag = reader.varint();
      const wire = tag & 7;
      const field = byNumber.get(Math.floor(tag / 8));
      if (field === undefined) {
        reader.skip(wire);
        continue;
      }
      const [name, , of, kind, oneof] = field;
      if (kind === 'map') {
        const [key, value] = this.#readEntry(of, reader.sub());
        (message[name] as Message)[key] = value;
      } else if (kind === 'list') {
        this.#readList(message[name] as unknown[], of, wire, reader);
      } else {
        this.#readOne(message, type, field, wire, reader);
        if (oneof !== undefined) message[oneof] = name;
      }
    }
    return message;
  }

  #readOne(message: Message, type: string, field: FieldSchema, wire: number, reader: Reader): void {
    const [name, , of, , oneof] = field;
    const value = this.#readValue(of, wire, reader);
    if (oneof !== undefined) {
      // The last of a oneof counts.
      for (const [other, , , , its] of this.#fields(type)) {
        if (its === oneof) delete message[other];
      }
    }
    message[name] = value;
  }

  #readList(list: unknown[], of: string, wire: number, reader: Reader): void {
    const own = this.#wireOf(of);
    if (wire !== Wire.BYTES || own === Wire.BYTES) {
      list.push(this.#readValue(of, wire, reader));
      return;
    }
    const packed = reader.sub();
    while (!packed.done) list.push(this.#readValue(of, own, packed));
  }

  #readEntry(of: string, entry: Reader): [string, unknown] {
    let key = '';
    let value: unknown;
    while (!entry.done) {
      const tag = entry.varint();
      if (tag >>> 3 === 1) key = entry.text();
      else if (tag >>> 3 === 2) value = this.#readValue(of, tag & 7, entry);
      else entry.skip(tag & 7);
    }
    return [key, value ?? this.#default(of)];
  }

  #readValue(of: string, wire: number, reader: Reader): unknown {
    if (wire !== this.#wireOf(of)) throw new RangeError(`wire type ${wire} for ${of}`);
    switch (of) {
      case 'string':
        return reader.text();
      case 'bytes':
        return reader.block();
      case 'bool':
        return reader.varint() !== 0;
      case 'double':
        return reader.double();
      case 'uint32':
        return reader.varint() >>> 0;
      case 'uint64':
        return reader.varint();
      default:
        return this.#readNamed(of, reader);
    }
  }

  #readNamed(of: string, reader: Reader): unknown {
    if (this.#schema.messages[of] !== undefined) return this.#read(of, reader.sub());
    const number = reader.varint();
    return this.#names(of).get(number) ?? number;
  }

  #blank(type: string): Message {
    const message: Message = {};
    for (const [name, , of, kind, oneof] of this.#fields(type)) {
      if (kind === 'list') message[name] = [];
      else if (kind === 'map') message[name] = {};
      else if (kind === 'one' && oneof === undefined) message[name] = this.#default(of);
    }
    return message;
  }

  #default(of: string): unknown {
    switch (of) {
      case 'string':
        return '';
      case 'bytes':
        return Buffer.alloc(0);
      case 'bool':
        return false;
      case 'double':
      case 'uint32':
      case 'uint64':
        return 0;
      default:
        return this.#schema.enums[of] === undefined ? null : this.#names(of).get(0);
    }
  }

  #numbers(type: string): Map<number, FieldSchema> {
    let found = this.#byNumber.get(type);
    if (found === undefined) {
      found = new Map(this.#fields(type).map((field) => [field[1], field]));
      this.#byNumber.set(type, found);
    }
    return found;
  }

  #names(type: string): Map<number, string> {
    let found = this.#namesOf.get(type);
    if (found === undefined) {
      const values = Object.entries(this.#schema.enums[type] ?? {});
      found = new Map(values.map(([name, number]) => [number, name]));
      this.#namesOf.set(type, found);
    }
    return found;
  }
}
