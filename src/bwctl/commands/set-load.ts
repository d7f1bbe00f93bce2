/** `set load`, `set flush`: a list of any length, read to its end before anything is changed. */

import { type AddressList, readAddressList } from '../address-list.js';
import { parseDuration } from '../arguments.js';
import { CommandError } from '../errors.js';
import { count } from '../format/words.js';
import { DONE, type Session } from '../session.js';

/** Below that nobody waits long enough to be told. */
const LONG = 200_000;
const TELL_MS = 200;

/** Options of `set load`. */
export interface LoadWords {
  ttl?: string;
  replace?: boolean;
  remove?: boolean;
}

/** Adds, replaces or removes members by a list. */
export async function load(
  { node, out }: Session,
  name: string,
  file: string,
  { ttl, replace = false, remove = false }: LoadWords,
): Promise<number> {
  if (replace && remove) throw usage('--replace and --remove exclude each other');
  if (remove && ttl !== undefined) throw usage('--ttl says nothing about what is removed');
  const mode = replace ? 'replace' : remove ? 'remove' : 'add';
  const seconds = ttl === undefined ? null : parseDuration(ttl);
  const list = await readAddressList(file);
  if (list.count === 0 && replace) {
    const shown = file === '-' ? '<stdin>' : file;
    const hint = `bwctl set flush ${name} empties a set`;
    throw new CommandError('EFILE', `${shown}: no address in it; ${hint}`);
  }
  const header = { name, ttl: seconds, count: list.count };
  if (!remove) {
    const sent = progress(list, 'checking');
    const { refused } = await node.setLoad({ ...header, mode: 'check' }, list.pieces(sent));
    if (refused !== null) throw list.refusal(refused.index, refused.why);
  }
  const sent = progress(list, 'loading');
  const done = await node.setLoad({ ...header, mode }, list.pieces(sent));
  const { received, added, removed, members } = done;
  await out.show({ name, received, added, removed, members }, () => [
    summary(name, { mode, received, added, removed }),
  ]);
  return DONE;
}

/** Removes every member of a group. */
export async function flush({ node, out }: Session, name: string): Promise<number> {
  const { removed } = await node.setLoad({ name, mode: 'replace', ttl: null, count: 0 }, []);
  await out.show({ name, removed }, () => [`${count(removed, 'member')} removed from ${name}`]);
  return DONE;
}

function summary(
  name: string,
  done: { mode: string; received: number; added: number; removed: number },
): string {
  const { mode, received, added, removed } = done;
  const of = `of ${received} in the list`;
  if (mode === 'remove') return `${count(removed, 'member')} removed from ${name}, ${of}`;
  const gone = mode === 'replace' ? `, ${removed} removed` : '';
  return `${count(added, 'member')} added to ${name}${gone}, ${of}`;
}

/** Tells how far it is, where somebody watches and it takes long. */
function progress(list: AddressList, what: string): (sent: number) => void {
  if (!process.stderr.isTTY || list.count < LONG) return () => {};
  let told = 0;
  return (sent) => {
    const now = Date.now();
    const over = sent === list.count;
    if (now - told < TELL_MS && !over) return;
    told = now;
    process.stderr.write(over ? '\r\x1b[K' : `\r${what}: ${sent} of ${list.count}`);
  };
}

function usage(message: string): CommandError {
  return new CommandError('EUSAGE', message);
}
