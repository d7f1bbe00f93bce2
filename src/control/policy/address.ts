/**
 * Addresses and prefixes. Every address is 16 bytes, IPv4 as ::ffff:a.b.c.d, and a prefix length
 * counts those 128 bits; the family keeps `::/0` from holding IPv4 addresses. Reading is strict: what
 * two programs could read differently (`010.0.0.1`, `10.1`) is refused.
 */

/** A network of one family. Bits past `length` are zero. */
export interface Prefix {
  readonly family: 4 | 6;
  /** 16 bytes. */
  readonly address: Uint8Array;
  /** Of the 16-byte form: 96 + n for IPv4. */
  readonly length: number;
  /** Address and length in hex: equal keys are equal prefixes, and parents sort before children. */
  readonly key: string;
}

/** Why a text is no address, and what to write instead. */
export interface AddressProblem {
  readonly problem: string;
  readonly hint: string;
}

const V4_NUMBER = /^\d+$/;
const V6_GROUP = /^[0-9a-fA-F]{1,4}$/;

/** True when the 16 bytes are the form of an IPv4 address. */
export function isV4(address: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (address[i] !== 0) return false;
  return address[10] === 0xff && address[11] === 0xff;
}

/** The family of a 16-byte address. */
export function familyOf(address: Uint8Array): 4 | 6 {
  return isV4(address) ? 4 : 6;
}

/** The 16-byte form of four bytes of IPv4. */
export function fromV4(bytes: Uint8Array): Uint8Array {
  const address = new Uint8Array(16);
  address[10] = 0xff;
  address[11] = 0xff;
  address.set(bytes.subarray(0, 4), 12);
  return address;
}

/** Does the text mean an address or a prefix, right or wrong, and not a name? */
export function looksLikeAddress(text: string): boolean {
  return text.includes(':') || text.includes('/') || /^[0-9][0-9.]*$/.test(text);
}

/** Reads one address; a problem instead when the text is not exactly one. */
export function readAddress(text: string): Uint8Array | AddressProblem {
  const address = text.includes(':') ? readV6(text) : readV4(text);
  if (address instanceof Uint8Array && text.includes(':') && isV4(address)) {
    return {
      problem: `${text} is an IPv4-mapped IPv6 address`,
      hint: `write ${formatAddress(address)}`,
    };
  }
  return address;
}

/** Reads an address (a prefix that holds only it) or `address/length`. */
export function readPrefix(text: string): Prefix | AddressProblem {
  const slash = text.indexOf('/');
  if (slash < 0) {
    const address = readAddress(text);
    return address instanceof Uint8Array ? hostPrefix(address) : address;
  }
  const addressText = text.slice(0, slash);
  const lengthText = text.slice(slash + 1);
  const address = readAddress(addressText);
  if (!(address instanceof Uint8Array)) return address;
  const family = familyOf(address);
  const bits = family === 4 ? 32 : 128;
  if (!/^(0|[1-9]\d{0,2})$/.test(lengthText) || Number(lengthText) > bits) {
    return {
      problem: `${text} has no prefix length between 0 and ${bits}`,
      hint: `write ${formatAddress(address)}/${bits} for the one address`,
    };
  }
  const length = Number(lengthText) + 128 - bits;
  const network = maskAddress(address, length);
  if (!network.every((byte, i) => byte === address[i])) {
    const one = formatAddress(address);
    return {
      problem: `${text} has bits set past its prefix length`,
      hint: `write ${formatAddress(network)}/${lengthText} for the network, or ${one} for the one address`,
    };
  }
  return makePrefix(network, length);
}

/** The prefix that holds one address. */
export function hostPrefix(address: Uint8Array): Prefix {
  return makePrefix(address, 128);
}

/** The prefix of an address whose bits past `length` are zero. */
export function makePrefix(address: Uint8Array, length: number): Prefix {
  return { family: familyOf(address), address, length, key: prefixKey(address, length) };
}

/** The key of a prefix, see {@link Prefix}. */
export function prefixKey(address: Uint8Array, length: number): string {
  return addressKey(address) + length.toString(16).padStart(2, '0');
}

/** 32 hex digits. */
export function addressKey(address: Uint8Array): string {
  return Buffer.from(address.buffer, address.byteOffset, 16).toString('hex');
}

/** A copy with all bits past `length` cleared. */
export function maskAddress(address: Uint8Array, length: number): Uint8Array {
  const masked = new Uint8Array(16);
  const whole = length >> 3;
  masked.set(address.subarray(0, whole));
  if (whole < 16) masked[whole] = address[whole]! & (0xff00 >> (length & 7));
  return masked;
}

/** Is the address of the prefix's family and in it? */
export function prefixHolds(prefix: Prefix, address: Uint8Array): boolean {
  return familyOf(address) === prefix.family && sameBits(prefix.address, address, prefix.length);
}

/** Are the first `length` bits of two addresses equal? */
export function sameBits(a: Uint8Array, b: Uint8Array, length: number): boolean {
  const whole = length >> 3;
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
  return (length & 7) === 0 || ((a[whole]! ^ b[whole]!) & (0xff00 >> (length & 7)) & 0xff) === 0;
}

function readV4(text: string): Uint8Array | AddressProblem {
  const parts = text.split('.');
  const numeric = parts.every((part) => V4_NUMBER.test(part));
  if (parts.length !== 4 || !numeric) {
    return {
      problem: `${text} is not an address`,
      hint: 'an IPv4 address has four numbers, as in 192.0.2.1',
    };
  }
  if (parts.some((part) => part.length > 1 && part.startsWith('0'))) {
    const decimal = parts.map((part) => Number(part)).join('.');
    return {
      problem: `${text} has a leading zero, which some programs read as octal`,
      hint: `write ${decimal} if decimal is meant`,
    };
  }
  const large = parts.find((part) => Number(part) > 255);
  if (large !== undefined) {
    return {
      problem: `${text} is not an address: ${large} is over 255`,
      hint: 'each of the four numbers is between 0 and 255',
    };
  }
  return fromV4(Uint8Array.from(parts, Number));
}

function readV6(text: string): Uint8Array | AddressProblem {
  const wrong: AddressProblem = {
    problem: `${text} is not an address`,
    hint: 'an IPv6 address has eight groups of hex digits, or one ::, as in 2001:db8::1',
  };
  const halves = text.split('::');
  if (halves.length > 2) return wrong;
  const head = readGroups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? readGroups(halves[1]!, true) : [];
  if (head === null || tail === null) return wrong;
  const given = head.length + tail.length;
  if (halves.length === 1 ? given !== 8 : given > 7) return wrong;
  const groups = [...head, ...new Array<number>(8 - given).fill(0), ...tail];
  const address = new Uint8Array(16);
  for (const [i, group] of groups.entries()) {
    address[2 * i] = group >> 8;
    address[2 * i + 1] = group & 0xff;
  }
  return address;
}

/** Groups between colons; the last two may be written as an IPv4 address. */
function readGroups(text: string, last: boolean): number[] | null {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (V6_GROUP.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const embedded = last && i === parts.length - 1 ? readV4(part) : null;
    if (!(embedded instanceof Uint8Array)) return null;
    groups.push((embedded[12]! << 8) | embedded[13]!, (embedded[14]! << 8) | embedded[15]!);
  }
  return groups;
}

/** Canonical text: dotted IPv4, or IPv6 as RFC 5952 wants it. */
export function formatAddress(address: Uint8Array): string {
  if (isV4(address)) return address.subarray(12, 16).join('.');
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((address[i]! << 8) | address[i + 1]!);
  const { start, length } = longestZeros(groups);
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

/** Canonical text of a prefix; without `/n` when it holds one address. */
export function formatPrefix(prefix: Prefix): string {
  const text = formatAddress(prefix.address);
  if (prefix.length === 128) return text;
  return `${text}/${prefix.family === 4 ? prefix.length - 96 : prefix.length}`;
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let i = 0; i <= groups.length; i++) {
    if (i < groups.length && groups[i] === 0) continue;
    if (i - start > best.length) best = { start, length: i - start };
    start = i + 1;
  }
  return best;
}
