import { hash } from 'node:crypto';
import type { Peers, ServiceRef } from './ast.js';
import { detourText } from './detour.js';
import { peersText } from './peers.js';
import type { RuleContent, RuleOptions } from './rule.js';
import { servicesText } from './service-reader.js';

/** Options of a rule, as people see them: `log, rate 100/s`; '' for none. */
export function optionsText({ log, session, rate, detour }: RuleOptions): string {
  if (!log && !session && rate === '' && detour === 0) return '';
  return [
    log ? 'log' : '',
    session ? 'log session' : '',
    rate === '' ? '' : `rate ${rate}`,
    detourText(detour),
  ]
    .filter((text) => text !== '')
    .join(', ');
}

const DIGITS = Buffer.from('abcdefghijklmnopqrstuvwxyz234567');
export const ID_LENGTH = 10;

/** One text per content: equal texts are equal contents. */
export function contentKey(content: RuleContent): string {
  const { host, direction, service, peers } = content;
  return `${direction}\n${host}\n${service}\n${peers}\n${optionsText(content)}`;
}

/** The id of a rule that has no explicit one: 50 bits of a hash over its content. */
export function hashedId(content: RuleContent): string {
  const id = Buffer.alloc(ID_LENGTH);
  writeId(hash('sha256', contentKey(content), 'buffer'), 0, id, 0);
  return id.toString('latin1');
}

/** The letters of the id that a hash stands for. */
export function writeId(hash: Uint8Array, from: number, id: Uint8Array, to: number): void {
  for (let i = 0; i < ID_LENGTH; i++) {
    const bit = i * 5;
    const at = from + (bit >> 3);
    const word = (hash[at]! << 8) | hash[at + 1]!;
    id[to + i] = DIGITS[(word >> (11 - (bit & 7))) & 31]!;
  }
}

/** Peers of a transit or deny line, as a rule shows them. */
export function pairText(from: Peers | null, to: Peers | null): string {
  return `${from ? peersText(from) : 'any'} -> ${to ? peersText(to) : 'any'}`;
}

/** Services of a deny line, as a rule shows them. */
export function denyServicesText(services: readonly ServiceRef[] | null): string {
  return services === null ? 'all' : servicesText(services);
}

/**
 * The id of one of the rules that a matrix line with an explicit id stands for: the line has a rule
 * per screened host and direction, and each has counters of its own.
 */
export function matrixId(id: string, direction: 'in' | 'out', host: string): string {
  return `${id}/${direction}/${host}`;
}
