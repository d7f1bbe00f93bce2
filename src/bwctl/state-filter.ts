/** Filters of connections as people type them: `proto=tcp dst=mail dport=25 idle=1h`. */
import type { StateFilter } from '../control/service.js';
import { parseDuration, parseNumber, parsePort, parseProtocol, usage } from './arguments.js';

const MOST_VLAN = 4094;
const FAMILIES = new Map([
  ['4', 4],
  ['v4', 4],
  ['6', 6],
  ['v6', 6],
]);
const DIRECTIONS = ['in', 'out', 'transit'];

type Reader<T> = (value: string, word: string) => T;
type Readers = { [K in keyof StateFilter]-?: Reader<NonNullable<StateFilter[K]>> };

const asIs = (value: string) => value;
const readers: Readers = {
  proto: parseProtocol,
  family: parseFamily,
  host: asIs,
  address: asIs,
  port: parsePort,
  src: asIs,
  sport: parsePort,
  dst: asIs,
  dport: parsePort,
  vlan: parseVlan,
  phase: asIs,
  direction: parseDirection,
  rule: asIs,
  older: parseDuration,
  younger: parseDuration,
  idle: parseDuration,
  expires: parseDuration,
};

/** In any order, each at most once. */
export function parseFilters(words: readonly string[]): StateFilter {
  const filter: Record<string, unknown> = {};
  for (const word of words) {
    const equals = word.indexOf('=');
    const name = equals === -1 ? word : word.slice(0, equals);
    const value = equals === -1 ? '' : word.slice(equals + 1);
    if (!Object.hasOwn(readers, name) || value === '') {
      throw usage(`"${word}" is no filter; write ${Object.keys(readers).join('=, ')}= and a value`);
    }
    if (filter[name] !== undefined) throw usage(`"${word}": ${name} is given twice`);
    filter[name] = readers[name as keyof StateFilter](value, word);
  }
  return filter;
}

/** What `states kill` is told: filters, or `all` by itself. */
export function parseKill(words: readonly string[]): { filter: StateFilter; all: boolean } {
  if (words.length === 1 && words[0] === 'all') return { filter: {}, all: true };
  if (words.length === 0) {
    throw usage('which connections? write filters, as in host=mail port=25, or all');
  }
  if (words.includes('all')) throw usage('all goes without filters');
  return { filter: parseFilters(words), all: false };
}

/** Most connections to list. */
export function parseLimit(text: string): number {
  const limit = parseNumber(text, Number.MAX_SAFE_INTEGER);
  if (limit !== null && limit > 0) return limit;
  throw usage(`--limit "${text}": a number from 1`);
}

function parseVlan(text: string, context: string): number {
  const vlan = parseNumber(text, MOST_VLAN);
  if (vlan !== null && vlan > 0) return vlan;
  throw usage(`${context}: "${text}" is no VLAN; they go from 1 to ${MOST_VLAN}`);
}

function parseFamily(text: string, context: string): number {
  const family = FAMILIES.get(text);
  if (family !== undefined) return family;
  throw usage(`${context}: "${text}" is no family; write 4 or 6`);
}

function parseDirection(text: string, context: string): string {
  if (DIRECTIONS.includes(text)) return text;
  throw usage(`${context}: "${text}" is no direction; write ${DIRECTIONS.join(', ')}`);
}
