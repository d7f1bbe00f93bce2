/** Datagrams cut into IP fragments. */
import { internetChecksum } from './checksum.js';

export interface PieceOptions {
  /** Bytes of the datagram before it. */
  readonly offset: number;
  /** Bytes of the datagram in it. */
  readonly length: number;
  /** Default: whether there are more. */
  readonly more?: boolean;
  readonly id?: number;
}

const TAGS: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100]);

/** One fragment of the IP packet in a whole, well-formed frame. */
export function piece(frame: Buffer, { id = 7, ...options }: PieceOptions): Buffer {
  let at = 12;
  while (TAGS.has(frame.readUInt16BE(at))) at += 4;
  const v6 = frame.readUInt16BE(at) === 0x86dd;
  at += 2;
  const headerLength = v6 ? 40 : (frame[at]! & 15) * 4;
  const header = Buffer.from(frame.subarray(at, at + headerLength));
  const whole = frame.subarray(at + headerLength);
  const data = whole.subarray(options.offset, options.offset + options.length);
  const more = options.more ?? options.offset + options.length < whole.length;
  const link = frame.subarray(0, at);
  if (v6) {
    const extension = Buffer.alloc(8);
    extension.writeUInt8(header[6]!, 0);
    extension.writeUInt16BE((options.offset & 0xfff8) | (more ? 1 : 0), 2);
    extension.writeUInt32BE(id, 4);
    header.writeUInt8(44, 6);
    header.writeUInt16BE(8 + data.length, 4);
    return Buffer.concat([link, header, extension, data]);
  }
  header.writeUInt16BE(headerLength + data.length, 2);
  header.writeUInt16BE(id & 0xffff, 4);
  header.writeUInt16BE((more ? 0x2000 : 0) | (options.offset >> 3), 6);
  header.writeUInt16BE(0, 10);
  header.writeUInt16BE(internetChecksum(header), 10);
  return Buffer.concat([link, header, data]);
}

/** The whole frame in fragments of so many bytes, a multiple of 8, in their order. */
export function pieces(frame: Buffer, size: number, id?: number): Buffer[] {
  const first = piece(frame, { offset: 0, length: 65535 });
  const total = first.length - piece(frame, { offset: 0, length: 0 }).length;
  return Array.from({ length: Math.ceil(total / size) }, (_, i) =>
    piece(frame, { offset: i * size, length: size, ...(id === undefined ? {} : { id }) }),
  );
}
