/**
 * Messages of changes as bytes, and back. Some sixty to a hundred go each second, however little is in them: what a
 * general codec does beside copying is a good part of what it takes to replicate. What is rare, or unknown here, is
 * left to that one.
 */
import { Reader, Wire, Writer } from '../../control/protobuf-bytes.js';
import type {
  ChangesMessage,
  ChangesMessage__Output,
} from '../../generated/proto/bridgewall/v1/ChangesMessage.js';
import type { ResponseCodec } from '../channel/index.js';
import { RECORD_KINDS, type RecordKind } from './table.js';

/** @param general takes every message */
export function changesCodec(general: ResponseCodec): ResponseCodec {
  return {
    serialize: (message: ChangesMessage) =>
      message.standing ? general.serialize(message) : encoded(message),
    deserialize: (bytes) => decoded(bytes) ?? general.deserialize(bytes),
  };
}

/** Tags: numbers of replication.proto, and how the value is written. */
const tagOf = (field: number, wire: number): number => (field << 3) | wire;
const EPOCH = tagOf(1, Wire.VARINT);
const GAP = tagOf(6, Wire.VARINT);
const SEQUENCE = tagOf(7, Wire.VARINT);
const SENT_MS = tagOf(8, Wire.VARINT);
const TOLD_UNTIL_MS = tagOf(10, Wire.VARINT);
const RECORDS: Readonly<Record<RecordKind, number>> = {
  states4: tagOf(2, Wire.BYTES),
  states: tagOf(3, Wire.BYTES),
  ends4: tagOf(4, Wire.BYTES),
  ends: tagOf(5, Wire.BYTES),
  children: tagOf(11, Wire.BYTES),
};
const KIND_OF = new Map(RECORD_KINDS.map((kind) => [RECORDS[kind], kind]));
const NONE = Buffer.alloc(0);

function encoded(message: ChangesMessage): Buffer {
  const writer = new Writer();
  const number = (tag: number, value: number) => {
    if (!(value > 0)) return;
    writer.varint(tag);
    writer.varint(value);
  };
  number(EPOCH, message.epoch ?? 0);
  number(GAP, Number(message.gap ?? false));
  number(SEQUENCE, Number(message.sequence ?? 0));
  number(SENT_MS, Number(message.sentMs ?? 0));
  number(TOLD_UNTIL_MS, message.toldUntilMs ?? 0);
  for (const kind of RECORD_KINDS) {
    const records = message[kind] as Uint8Array | undefined;
    if (records === undefined || records.length === 0) continue;
    writer.varint(RECORDS[kind]);
    writer.block(records);
  }
  return writer.bytes();
}

/** Null: something in it is not known here, or makes no sense. */
function decoded(bytes: Buffer): ChangesMessage__Output | null {
  try {
    return read(new Reader(bytes));
  } catch {
    return null;
  }
}

function read(reader: Reader): ChangesMessage__Output | null {
  const message: ChangesMessage__Output = {
    ...{ epoch: 0, gap: false, sequence: 0, sentMs: 0, toldUntilMs: 0, standing: null },
    ...{ states4: NONE, states: NONE, ends4: NONE, ends: NONE, children: NONE },
  };
  while (!reader.done) {
    const tag = reader.varint();
    const kind = KIND_OF.get(tag);
    if (kind !== undefined) {
      message[kind] = reader.block();
      continue;
    }
    const number = reader.varint();
    if (!Number.isSafeInteger(number)) return null;
    if (tag === SEQUENCE) message.sequence = number;
    else if (tag === SENT_MS) message.sentMs = number;
    else if (tag === EPOCH && number <= 0xffff_ffff) message.epoch = number;
    else if (tag === TOLD_UNTIL_MS && number <= 0xffff_ffff) message.toldUntilMs = number;
    else if (tag === GAP) message.gap = number !== 0;
    else return null;
  }
  return message;
}
