/** The corpus for other tools: a pcapng file, every frame with a comment that says what it is. */
import type { Corpus, CorpusTrick } from './published.js';

const SECTION = 0x0a0d0d0a;
const INTERFACE = 1;
const ENHANCED_PACKET = 6;
const OPTION_COMMENT = 1;
const OPTION_NAME = 2;
const ETHERNET = 1;

/** The file; a microsecond passes between frames, and none before the first. */
export function pcapng({ ports, tricks, controls }: Corpus): Buffer {
  const names = Object.keys(ports);
  const packets = [...controls, ...tricks].flatMap((trick) => packetsOf(trick, names));
  return Buffer.concat([
    block(SECTION, sectionHeader()),
    ...names.map((name) => {
      const head = Buffer.alloc(8);
      head.writeUInt16LE(ETHERNET, 0);
      return block(
        INTERFACE,
        Buffer.concat([head, options([OPTION_NAME, `${name}, ${ports[name]}`])]),
      );
    }),
    ...packets.map((write, at) => block(ENHANCED_PACKET, write(at))),
  ]);
}

function sectionHeader(): Buffer {
  const head = Buffer.alloc(16, 0xff);
  head.writeUInt32LE(0x1a2b3c4d, 0);
  head.writeUInt16LE(1, 4);
  head.writeUInt16LE(0, 6);
  return head;
}

function packetsOf(trick: CorpusTrick, names: readonly string[]): ((at: number) => Buffer)[] {
  const { technique, what, frames } = trick;
  return frames.map(({ port, frame, verdict, reason }) => (at) => {
    const bytes = Buffer.from(frame, 'hex');
    const head = Buffer.alloc(20);
    head.writeUInt32LE(names.indexOf(port), 0);
    head.writeUInt32LE(at, 8);
    head.writeUInt32LE(bytes.length, 12);
    head.writeUInt32LE(bytes.length, 16);
    const word = verdict === 'drop' ? `drop, ${reason}` : 'pass';
    const comment = options([OPTION_COMMENT, `${technique}: ${what} (${word})`]);
    return Buffer.concat([head, padded(bytes), comment]);
  });
}

function options(...list: [number, string][]): Buffer {
  const written = list.map(([code, text]) => {
    const value = Buffer.from(text);
    const head = Buffer.alloc(4);
    head.writeUInt16LE(code, 0);
    head.writeUInt16LE(value.length, 2);
    return Buffer.concat([head, padded(value)]);
  });
  return Buffer.concat([...written, Buffer.alloc(4)]);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

function block(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  const tail = Buffer.alloc(4);
  head.writeUInt32LE(type, 0);
  head.writeUInt32LE(body.length + 12, 4);
  tail.writeUInt32LE(body.length + 12, 0);
  return Buffer.concat([head, body, tail]);
}
