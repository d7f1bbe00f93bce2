/** Sessions of real stacks, as record.py wrote them down. */
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ROOT } from '../harness/native.js';
import type { Segment, Session } from './session.js';

const FOLDER = resolve(ROOT, 'test/dataplane/differential/recorded');
const PCAP_HEADER = 24;
const RECORD_HEADER = 16;
const LINK = 14;

/** Every session of every recording, in the order of their first frames. */
export function recordedSessions(): Session[] {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.pcap'));
  return files
    .sort()
    .flatMap((name) => read(name.slice(0, -5), readFileSync(resolve(FOLDER, name))));
}

/** A TCP frame: the two ends as text, and what the segment says. */
interface Frame {
  readonly family: 4 | 6;
  readonly from: string;
  readonly to: string;
  readonly segment: Omit<Segment, 'reply'>;
}

function read(name: string, pcap: Buffer): Session[] {
  const talks = new Map<string, { client: string; family: 4 | 6; segments: Segment[] }>();
  for (let at = PCAP_HEADER; at < pcap.length; ) {
    const kept = pcap.readUInt32LE(at + 8);
    const { family, from, to, segment } = frameOf(
      pcap.subarray(at + RECORD_HEADER, at + RECORD_HEADER + kept),
    );
    at += RECORD_HEADER + kept;
    const key = [from, to].sort().join(' ');
    const talk = talks.get(key) ?? { client: from, family, segments: [] };
    talks.set(key, talk);
    talk.segments.push({ ...segment, reply: from !== talk.client });
  }
  return [...talks.values()].map(({ family, segments }, index) => ({
    family,
    segments,
    name: `${name}, ${index + 1}`,
  }));
}

/** Lengths come from the IP header: payloads were not kept, and short frames are padded. */
function frameOf(frame: Buffer): Frame {
  const v4 = frame.readUInt16BE(12) === 0x0800;
  const ip = frame.subarray(LINK);
  const [header, total] = v4
    ? [(ip[0]! & 15) * 4, ip.readUInt16BE(2)]
    : [40, 40 + ip.readUInt16BE(4)];
  const [addresses, width] = v4 ? [12, 4] : [8, 16];
  const tcp = ip.subarray(header);
  const size = (tcp[12]! >> 4) * 4;
  const end = (address: number, port: number) => {
    const at = addresses + address * width;
    return `${ip.toString('hex', at, at + width)}:${tcp.readUInt16BE(port)}`;
  };
  return {
    family: v4 ? 4 : 6,
    from: end(0, 0),
    to: end(1, 2),
    segment: {
      flags: tcp[13]!,
      seq: tcp.readUInt32BE(4),
      ack: tcp.readUInt32BE(8),
      window: tcp.readUInt16BE(14),
      options: Uint8Array.from(tcp.subarray(20, size)),
      length: total - header - size,
    },
  };
}
