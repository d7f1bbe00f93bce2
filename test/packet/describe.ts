/** A frame in one line of words, for failures. Takes any bytes. */
import { ipv4Text, ipv6Text, macText } from './address.js';
import { tcpFlagLetters } from './transport.js';

const EXTENSIONS: Record<number, string> = {
  0: 'hop-by-hop',
  43: 'routing',
  44: 'fragment',
  51: 'auth',
  60: 'dest-opts',
  135: 'mobility',
};
const MAX_DEPTH = 12;

/** `02:..:01 > 02:..:02 vlan 10 | 10.0.0.1 > 10.0.0.2 | tcp 40000 > 25 [S] | 60 bytes`. */
export function describeFrame(bytes: Uint8Array): string {
  const frame = Buffer.from(bytes);
  const size = `${frame.length} bytes`;
  if (frame.length < 14) return `cut short | ${size}`;
  const words = [`${macText(frame.subarray(6, 12))} > ${macText(frame.subarray(0, 6))}`];
  let at = 14;
  let type = frame.readUInt16BE(12);
  while ((type === 0x8100 || type === 0x88a8) && at + 4 <= frame.length) {
    const tci = frame.readUInt16BE(at);
    const name = type === 0x88a8 ? 'svlan' : 'vlan';
    words[0] += ` ${name} ${tci & 0xfff}${tci >> 12 ? ` tci 0x${tci.toString(16)}` : ''}`;
    type = frame.readUInt16BE(at + 2);
    at += 4;
  }
  const body = frame.subarray(at);
  if (type === 0x0800) words.push(...describeIpv4(body, 0));
  else if (type === 0x86dd) words.push(...describeIpv6(body, 0));
  else if (type === 0x0806) words.push(describeArp(body));
  else if (type < 0x600)
    words.push(`802.3 length ${type} llc ${body.subarray(0, 8).toString('hex')}`);
  else words.push(`ethertype 0x${type.toString(16).padStart(4, '0')}`);
  return [...words, size].join(' | ');
}

function describeArp(body: Buffer): string {
  if (body.length < 28) return 'arp, cut short';
  const verb = ['op 0', 'who-has', 'is-at'][body.readUInt16BE(6)] ?? `op ${body.readUInt16BE(6)}`;
  const [sender, target] = [body.subarray(14, 18), body.subarray(24, 28)];
  return `arp ${verb} ${ipv4Text(target)} from ${ipv4Text(sender)}`;
}

function describeIpv4(body: Buffer, depth: number): string[] {
  if (body.length < 20) return ['ipv4, cut short'];
  const header = (body[0]! & 0xf) * 4;
  const fragment = body.readUInt16BE(6);
  const notes = [
    body[0]! >> 4 === 4 ? '' : ` version ${body[0]! >> 4}`,
    header === 20 ? '' : ` header ${header}`,
    body.readUInt16BE(2) === body.length ? '' : ` length ${body.readUInt16BE(2)}`,
    fragment & 0x3fff ? ` fragment ${(fragment & 0x1fff) * 8}${fragment & 0x2000 ? '+' : ''}` : '',
  ];
  const ends = `${ipv4Text(body.subarray(12, 16))} > ${ipv4Text(body.subarray(16, 20))}`;
  const rest = body.subarray(Math.max(header, 20));
  if (fragment & 0x1fff) return [`${ends}${notes.join('')}`, `proto ${body[9]}`];
  return [`${ends}${notes.join('')}`, ...describeTransport(body[9]!, rest, depth)];
}

function describeIpv6(body: Buffer, depth: number): string[] {
  if (body.length < 40) return ['ipv6, cut short'];
  const length = body.readUInt16BE(4);
  const ends = `${ipv6Text(body.subarray(8, 24))} > ${ipv6Text(body.subarray(24, 40))}`;
  const notes =
    (body[0]! >> 4 === 6 ? '' : ` version ${body[0]! >> 4}`) +
    (length === body.length - 40 ? '' : ` length ${length}`);
  return [`${ends}${notes}`, ...describeTransport(body[6]!, body.subarray(40), depth)];
}

function describeTransport(proto: number, body: Buffer, depth: number): string[] {
  if (depth > MAX_DEPTH) return ['...'];
  const extension = EXTENSIONS[proto];
  if (extension !== undefined) return describeExtension(proto, extension, body, depth);
  const ports = () => `${body.readUInt16BE(0)} > ${body.readUInt16BE(2)}`;
  const short = (name: string) => [`${name}, ${body.length} bytes only`];
  switch (proto) {
    case 6:
      if (body.length < 20) return short('tcp');
      return [
        `tcp ${ports()} [${tcpFlagLetters(body[13]!)}]` +
          (body[12]! >> 4 === 5 ? '' : ` header ${(body[12]! >> 4) * 4}`),
      ];
    case 17:
      return body.length < 8 ? short('udp') : [`udp ${ports()} length ${body.readUInt16BE(4)}`];
    case 132:
      if (body.length < 12) return short('sctp');
      return [`sctp ${ports()} chunk ${body.length > 12 ? body[12] : 'none'}`];
    case 1:
    case 58: {
      const name = proto === 1 ? 'icmp' : 'icmp6';
      if (body.length < 8) return short(name);
      return [`${name} type ${body[0]} code ${body[1]} id ${body.readUInt16BE(4)}`];
    }
    case 4:
      return ['ipip', ...describeIpv4(body, depth + 1)];
    case 41:
      return ['6in4', ...describeIpv6(body, depth + 1)];
    default:
      return [`proto ${proto}`];
  }
}

function describeExtension(proto: number, name: string, body: Buffer, depth: number): string[] {
  if (body.length < 8) return [`${name}, cut short`];
  const units = proto === 51 ? (body[1]! + 2) * 4 : (body[1]! + 1) * 8;
  const size = proto === 44 ? 8 : units;
  const offset = proto === 44 ? body.readUInt16BE(2) & 0xfff8 : 0;
  const note = proto === 44 ? ` ${offset}${body[3]! & 1 ? '+' : ''}` : '';
  if (offset > 0) return [`${name}${note}`, `proto ${body[0]}`];
  if (body.length < size) return [`${name} of ${size}, cut short`];
  return [`${name}${note}`, ...describeTransport(body[0]!, body.subarray(size), depth + 1)];
}
