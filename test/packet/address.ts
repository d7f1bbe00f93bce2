/** Addresses of test frames, read and written without any code that is under test. */

/** Six bytes of `02:00:00:00:00:01`. */
export function macBytes(text: string): Buffer {
  const bytes = Buffer.from(text.split(':').map((part) => Number.parseInt(part, 16)));
  if (bytes.length !== 6) throw new Error(`not a MAC address: ${text}`);
  return bytes;
}

/** Four bytes of `10.0.0.1`. */
export function ipv4Bytes(text: string): Buffer {
  const parts = text.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part <= 255))) {
    throw new Error(`not an IPv4 address: ${text}`);
  }
  return Buffer.from(parts);
}

/** Sixteen bytes of `2001:db8::1`; a dotted tail (`::ffff:10.0.0.1`) is understood. */
export function ipv6Bytes(text: string): Buffer {
  const [head = '', tail] = text.split('::');
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const missing = 8 - left.length - right.length;
  if (missing < 0 || (tail === undefined && missing !== 0)) {
    throw new Error(`not an IPv6 address: ${text}`);
  }
  const words = [...left, ...new Array<number>(missing).fill(0), ...right];
  const bytes = Buffer.alloc(16);
  for (const [index, word] of words.entries()) bytes.writeUInt16BE(word, index * 2);
  return bytes;
}

function groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((part) => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)];
    const bytes = ipv4Bytes(part);
    return [bytes.readUInt16BE(0), bytes.readUInt16BE(2)];
  });
}

/** The 16-byte form that the wall keys by: IPv4 as `::ffff:a.b.c.d`. */
export function wideBytes(text: string): Buffer {
  return text.includes(':') ? ipv6Bytes(text) : ipv6Bytes(`::ffff:${text}`);
}

/** `02:00:00:00:00:01` of six bytes. */
export function macText(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** `10.0.0.1` of four bytes. */
export function ipv4Text(bytes: Uint8Array): string {
  return [...bytes].join('.');
}

/** Canonical text of sixteen bytes; the IPv4-mapped form is written dotted and without its prefix. */
export function ipv6Text(bytes: Uint8Array): string {
  const view = Buffer.from(bytes);
  if (view.subarray(0, 12).equals(Buffer.from('00000000000000000000ffff', 'hex'))) {
    return ipv4Text(view.subarray(12));
  }
  const words = Array.from({ length: 8 }, (_, index) => view.readUInt16BE(index * 2));
  let start = -1;
  let length = 1;
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && words[to] === 0) to++;
    if (to - from > length) {
      start = from;
      length = to - from;
    }
  }
  const text = (part: number[]) => part.map((word) => word.toString(16)).join(':');
  if (start < 0) return text(words);
  return `${text(words.slice(0, start))}::${text(words.slice(start + length))}`;
}
