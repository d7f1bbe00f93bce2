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

/** Lines of the members of a group. */
export function formatMembers(members: readonly SetMember[], paint: Paint): string[] {
  if (members.length === 0) return ['no members'];
  return table(
    [{ title: 'ADDRESS' }, { title: 'EXPIRES', align: 'right' }],
    members.map(({ address, ttl }) => [address, ttl === null ? 'never' : `in ${duration(ttl)}`]),
    paint,
  );
}
