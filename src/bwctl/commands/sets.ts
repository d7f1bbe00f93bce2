/** `set list`, `set add`, `set del`. */
import { parseDuration } from '../arguments.js';
import { formatMembers, formatSets, memberTitles } from '../format/sets.js';
import { count } from '../format/words.js';
import { DONE, type Session } from '../session.js';

/** The dynamic groups, or the members of one. */
export async function list({ node, out }: Session, name: string | undefined): Promise<number> {
  if (name === undefined) {
    await out.show(await node.sets(), (sets) => formatSets(sets, out.paint));
  } else {
    await listMembers({ node, out }, name);
  }
  return DONE;
}

/** However many there are: none of it is held. */
async function listMembers({ node, out }: Pick<Session, 'node' | 'out'>, name: string) {
  let any = false;
  for await (const members of node.setDump(name)) {
    if (out.json) {
      const texts = members.map((member) => `  ${JSON.stringify(member)}`);
      await out.text(`${any ? ',' : '['}\n${texts.join(',\n')}`);
    } else {
      const lines = formatMembers(members);
      await out.lines(any ? lines : [memberTitles(out.paint), ...lines]);
    }
    any = true;
  }
  if (out.json) await out.text(any ? '\n]\n' : '[]\n');
  else if (!any) await out.lines(['no members']);
}

/** Adds addresses to a group, for `ttl` if given. */
export async function add(
  { node, out }: Session,
  name: string,
  addresses: string[],
  ttl: string | undefined,
): Promise<number> {
  const seconds = ttl === undefined ? null : parseDuration(ttl);
  const added = await node.setAdd(name, addresses, seconds);
  const already = addresses.length - added;
  const rest = already > 0 ? `, ${already} already in it` : '';
  await out.show({ name, added }, () => [`${count(added, 'member')} added to ${name}${rest}`]);
  return DONE;
}

/** Removes addresses from a group. */
export async function del(
  { node, out }: Session,
  name: string,
  addresses: string[],
): Promise<number> {
  const deleted = await node.setDelete(name, addresses);
  const missing = addresses.length - deleted;
  const rest = missing > 0 ? `, ${missing} not in it` : '';
  await out.show({ name, deleted }, () => [
    `${count(deleted, 'member')} deleted from ${name}${rest}`,
  ]);
  return DONE;
}
