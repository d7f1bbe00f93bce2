import { createHash } from 'node:crypto';
import type { Peers, ServiceRef } from './ast.js';
import { detourText } from './detour.js';
import { peersText } from './peers.js';
import type { RuleDirection } from './plan.js';
import { servicesText } from './service-reader.js';

/** What makes a rule the rule it is: as long as this stays, its counters do. */
export interface RuleContent {
  readonly host: string;
  readonly direction: RuleDirection;
  readonly service: string;
  readonly peers: string;
  readonly log: boolean;
  readonly session: boolean;
  readonly rate: string;
  readonly detour: number;
}

type RuleOptions = Pick<RuleContent, 'log' | 'session' | 'rate' | 'detour'>;

/** Options of a rule, as people see them: `log, rate 100/s`; '' for none. */
export function optionsText({ log, session, rate, detour }: RuleOptions): string {
  return [
    log ? 'log' : '',
    session ? 'log session' : '',
    rate === '' ? '' : `rate ${rate}`,
    detourText(detour),
  ]
    .filter((text) => text !== '')
    .join(', ');
}

const DIGITS = 'abcdefghijklmnopqrstuvwxyz234567';
const ID_LENGTH = 10;

/** One text per content: equal texts are equal contents. */
export function contentKey(content: RuleContent): string {
  const { host, direction, service, peers } = content;
  return [direction, host, service, peers, optionsText(content)].join('\n');
}

/** The id of a rule that has no explicit one: 50 bits of a hash over its content. */
export function hashedId(content: RuleContent): string {
  const hash = createHash('sha256').update(contentKey(content)).digest();
  let id = '';
  for (let i = 0; i < ID_LENGTH; i++) {
    const bit = i * 5;
    const word = (hash[bit >> 3]! << 8) | hash[(bit >> 3) + 1]!;
    id += DIGITS[(word >> (11 - (bit & 7))) & 31];
  }
  return id;
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
