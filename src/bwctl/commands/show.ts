/** Commands that ask once and show the answer. */
import type { CountersResult } from '../../control/service.js';
import { parseExplain } from '../arguments.js';
import { formatCounters } from '../format/counters.js';
import { formatExplain } from '../format/explain.js';
import { formatMatrix } from '../format/matrix.js';
import { formatPorts, formatStatus } from '../format/status.js';
import { DONE, type Session } from '../session.js';

/** `explain PROTO SRC[:PORT] DST[:PORT] [TYPE]`; a drop is an answer like any other. */
export async function explain(
  { node, out }: Session,
  words: { protocol: string; source: string; destination: string; type: string | undefined },
  place: { port: string; vlan: string },
): Promise<number> {
  const { protocol, source, destination, type } = words;
  const query = parseExplain(protocol, source, destination, type, place.port, place.vlan);
  const explained = await node.explain(query);
  await out.show(explained, (value) => formatExplain(query, value, out.paint));
  return DONE;
}

/** `status` */
export async function status({ node, out }: Session): Promise<number> {
  await out.show(await node.status(), (value) => formatStatus(value, out.paint));
  return DONE;
}

/** `matrix` */
export async function matrix({ node, out }: Session): Promise<number> {
  await out.show(await node.matrix(), (value) => formatMatrix(value, out.width, out.paint));
  return DONE;
}

/** `ports` */
export async function ports({ node, out }: Session): Promise<number> {
  await out.show(await node.ports(), (value) => formatPorts(value, out.paint));
  return DONE;
}

/** `counters`; the JSON has `rules` only when they were asked for. */
export async function counters(
  { node, out }: Session,
  asked: { rules: boolean; port: string },
): Promise<number> {
  const counted = await node.counters(asked);
  const { rules, ...others } = counted;
  const shown: Partial<CountersResult> = asked.rules ? { ...others, rules } : others;
  await out.show(shown, () => formatCounters(counted, asked, out.paint));
  return DONE;
}
