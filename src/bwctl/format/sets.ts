/** Dynamic groups, for people. */
import type { SetInfo, SetMember } from '../../control/service.js';
import type { Paint } from './paint.js';
import { table } from './table.js';
import { duration } from './words.js';

/** Lines of the list of groups. */
export function formatSets(sets: readonly SetInfo[], paint: Paint): string[] {
  if (sets.length === 0) return ['the policy has no dynamic groups'];
  return table(
    [{ title: 'NAME' }, { title: 'MEMBERS', align: 'right' }, { title: 'MAX', align: 'right' }],
    sets.map(({ name, members, max }) => [name, String(members), String(max)]),
    paint,
  );
}

/** Columns of the longest address. */
const WIDEST = 39;
const TITLES = `${'ADDRESS'.padEnd(WIDEST)}  EXPIRES`;

/** Lines of some members of a group. There may be millions: the columns are as wide as they can get. */
export function formatMembers(members: readonly SetMember[]): string[] {
  return members.map(({ address, ttl }) => {
    const expires = ttl === null ? 'never' : `in ${duration(ttl)}`;
    return `${address.padEnd(WIDEST)}  ${expires.padStart(7)}`;
  });
}

/** The line above them. */
export function memberTitles(paint: Paint): string {
  return paint('dim', TITLES);
}
