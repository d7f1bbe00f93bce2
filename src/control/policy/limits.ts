/**
 * How many connections a source, or a host, may hold, and how many new ones may come. Under `defaults`
 * for each of them, and at a host for that one.
 */
import { readRate } from './rates.js';
import type { Entry, Reader } from './reader.js';

export interface Limit {
  /** Established connections at one time; 0: any number. */
  readonly states: number;
  /** New connections: `50/s`; '' for any number. */
  readonly rate: string;
}

export interface DefaultLimits {
  /** Of every address that opens connections and is no screened host. */
  readonly perSource: Limit;
  /** Of connections to every screened host. */
  readonly perHost: Limit;
}

export const NO_LIMIT: Limit = { states: 0, rate: '' };
export const NO_LIMITS: DefaultLimits = { perSource: NO_LIMIT, perHost: NO_LIMIT };
const MOST_STATES = 16_777_216;
const KEYS = ['states', 'rate'];

/** Reads `limits` of `defaults`. */
export function readDefaultLimits(reader: Reader, entry: Entry | undefined): DefaultLimits {
  if (entry === undefined) return NO_LIMITS;
  const keys = ['perSource', 'perHost'];
  const fields = reader.fields(entry.value, entry.keyNode, '`limits`', keys).entries;
  return {
    perSource: readLimit(reader, fields.get('perSource'), NO_LIMIT),
    perHost: readLimit(reader, fields.get('perHost'), NO_LIMIT),
  };
}

/** Reads a limit, of which `none` is one; what it does not say is what `otherwise` says. */
export function readLimit(reader: Reader, entry: Entry | undefined, otherwise: Limit): Limit {
  if (entry === undefined) return otherwise;
  if (isNone(entry)) return NO_LIMIT;
  const what = `\`${entry.key}\``;
  const fields = reader.fields(entry.value, entry.keyNode, what, KEYS).entries;
  const [states, rate] = KEYS.map((key) => fields.get(key));
  return {
    states: states === undefined ? otherwise.states : readStates(reader, states),
    rate: rate === undefined ? otherwise.rate : isNone(rate) ? '' : readRate(reader, rate),
  };
}

function readStates(reader: Reader, entry: Entry): number {
  if (isNone(entry)) return 0;
  return reader.integer(entry.value, entry.keyNode, '`states`', 1, MOST_STATES);
}

function isNone({ value }: Entry): boolean {
  return value?.kind === 'scalar' && value.text === 'none';
}

export function isLimit({ states, rate }: Limit): boolean {
  return states !== 0 || rate !== '';
}

/** `1000 states, 50/s`; '' for none. */
export function limitText({ states, rate }: Limit): string {
  return [states === 0 ? '' : `${states} states`, rate].filter((text) => text !== '').join(', ');
}
