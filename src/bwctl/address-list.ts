/**
 * Lists of addresses for dynamic groups: one per line, `#` begins a comment. The whole list is read
 * before anything is sent, packed: 8 bytes of memory per IPv4 address and 20 per IPv6 address.
 */
import { createReadStream } from 'node:fs';
import type { readAddresses } from '../../native/lib/addresses.js';
import { isV4, readAddress } from '../control/policy/address.js';
import { type PackedAddresses, ServiceError } from '../control/service.js';
import { CommandError } from './errors.js';

const READ_ERRORS: Record<string, string> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EISDIR: 'is a directory',
};
const NEWLINE = 0x0a;
/** No address is longer, whatever stands around it. */
const LONGEST_LINE = 4096;
/** `1.1.1.1` and its end. */
const SHORTEST_LINE = 8;
/** Bytes of one piece that is sent. */
const PIECE = 65_536;

/** A list that was read. IPv4 addresses come before IPv6 addresses wherever they are counted. */
export class AddressList {
  readonly #name: string;
  readonly #v4 = new Growing(4);
  readonly #v6 = new Growing(16);

  constructor(name: string) {
    this.#name = name;
  }

  get count(): number {
    return this.#v4.count + this.#v6.count;
  }

  /** What is sent, in pieces; `onSent` is told how many addresses have gone. */
  *pieces(onSent: (count: number) => void = () => {}): Generator<PackedAddresses> {
    let sent = 0;
    for (const part of [this.#v4, this.#v6]) {
      for (let from = 0; from < part.bytes.length; from += PIECE) {
        const bytes = part.bytes.subarray(from, from + PIECE);
        yield { width: part.width, bytes };
        sent += bytes.length / part.width;
        onSent(sent);
      }
    }
  }

  /** The error about the address of that number: where it stands, and why. */
  refusal(index: number, why: string): ServiceError {
    const inV6 = index >= this.#v4.count;
    const line = inV6 ? this.#v6.lineOf(index - this.#v4.count) : this.#v4.lineOf(index);
    return this.#error(line, 1, why);
  }

  /**
   * Takes in whole lines from there on for as long as each is nothing but an IPv4 address as it is always
   * written. Returns how many they were and where they end.
   */
  takePlain(
    bytes: Buffer,
    from: number,
    line: number,
    read: typeof readAddresses,
  ): { lines: number; end: number } {
    const most = Math.ceil((bytes.length - from) / SHORTEST_LINE);
    const { count, end } = read(bytes, from, this.#v4.roomFor(most));
    this.#v4.filled(count, line);
    return { lines: count, end };
  }

  /** Takes in a line, without its end. @throws ServiceError with its place */
  take(bytes: Buffer, line: number): void {
    if (bytes.length > LONGEST_LINE) {
      throw this.#error(line, 1, 'this line is too long; write one address per line');
    }
    const text = bytes.toString('latin1').replace(/#.*/, '');
    const word = text.trim();
    if (word === '') return;
    const column = text.indexOf(word) + 1;
    const [first, second] = word.split(/\s+/);
    if (second !== undefined) {
      const at = text.indexOf(second, column - 1 + first!.length) + 1;
      throw this.#error(line, at, `${shown(second)} stands after an address; one goes on a line`);
    }
    const address = readAddress(word);
    if (!(address instanceof Uint8Array)) {
      const { problem, hint } = word.includes('/') ? networkProblem(word) : address;
      throw this.#error(line, column, `${shown(problem)}; hint: ${shown(hint)}`);
    }
    if (isV4(address)) this.#v4.push(address.subarray(12), line);
    else this.#v6.push(address, line);
  }

  #error(line: number, column: number, what: string): ServiceError {
    const position = { file: this.#name, line, column };
    return new ServiceError('invalid', `${this.#name}:${line}:${column}: ${what}`, position);
  }
}

/** Packed addresses and the lines they came from. */
class Growing {
  readonly width: 4 | 16;
  count = 0;
  #bytes: Buffer;
  #lines = new Uint32Array(1024);

  constructor(width: 4 | 16) {
    this.width = width;
    this.#bytes = Buffer.alloc(1024 * width);
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.count * this.width);
  }

  lineOf(index: number): number {
    return this.#lines[index] ?? 0;
  }

  /** Memory for so many more. */
  roomFor(more: number): Buffer {
    while (this.count + more > this.#lines.length) this.#grow();
    return this.#bytes.subarray(this.count * this.width, (this.count + more) * this.width);
  }

  /** So many were put into that memory, from lines one after the other. */
  filled(count: number, line: number): void {
    for (let i = 0; i < count; i++) this.#lines[this.count + i] = line + i;
    this.count += count;
  }

  push(address: Uint8Array, line: number): void {
    const at = this.#next(line);
    this.#bytes.set(address, at);
  }

  /** Where the next one goes. */
  #next(line: number): number {
    if (this.count === this.#lines.length) this.#grow();
    this.#lines[this.count] = line;
    return this.count++ * this.width;
  }

  #grow(): void {
    const bytes = Buffer.alloc(this.#bytes.length * 2);
    bytes.set(this.#bytes);
    const lines = new Uint32Array(this.#lines.length * 2);
    lines.set(this.#lines);
    [this.#bytes, this.#lines] = [bytes, lines];
  }
}

/** Reads a list; `-` is standard input. @throws CommandError `EFILE`, ServiceError with a position */
export async function readAddressList(file: string): Promise<AddressList> {
  const name = file === '-' ? '<stdin>' : file;
  const list = new AddressList(name);
  const source: AsyncIterable<Buffer> =
    file === '-' ? process.stdin : createReadStream(file, { highWaterMark: 1 << 20 });
  // Only this command needs the addon.
  const { readAddresses } = await import('../../native/lib/addresses.js');
  let rest: Buffer = Buffer.alloc(0);
  let line = 0;
  try {
    for await (const chunk of source) {
      const all = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let from = 0;
      for (;;) {
        const plain = list.takePlain(all, from, line + 1, readAddresses);
        line += plain.lines;
        from = plain.end;
        const end = all.indexOf(NEWLINE, from);
        if (end < 0) break;
        list.take(all.subarray(from, end), ++line);
        from = end + 1;
      }
      rest = all.subarray(from);
      if (rest.length > LONGEST_LINE) list.take(rest, line + 1);
    }
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new CommandError('EFILE', `${name}: ${READ_ERRORS[code] ?? message}`);
  }
  if (rest.length > 0) list.take(rest, line + 1);
  return list;
}

function networkProblem(word: string): { problem: string; hint: string } {
  const [address, length] = word.split('/');
  const single = length === (address!.includes(':') ? '128' : '32');
  return {
    problem: `${word} is not a single address`,
    hint: single
      ? `write ${address}`
      : 'a dynamic group holds single addresses; write networks into a group of the policy',
  };
}

/** Not longer than a line of a terminal, and without what would steer it. */
function shown(text: string): string {
  const plain = text.replace(/[^\x20-\x7e]/g, '?');
  return plain.length > 120 ? `${plain.slice(0, 117)}...` : plain;
}
