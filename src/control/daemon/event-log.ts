/** What the packet path tells goes into the log: one line for a slab's events of a kind. */
import type { Logger } from 'pino';
import type { NumberedPort, WallEvent } from '../dataplane/index.js';
import type { EventKind } from '../events.js';
import { formatAddress } from '../policy/index.js';
import type { EventSink } from './event-bus.js';

const MESSAGES: Record<Exclude<WallEvent['kind'], 'table-full'>, string> = {
  'mac-moved': 'a MAC address moved to another port',
  'state-cut': 'a live connection was cut by a change of policy',
  drops: 'a source had too many frames dropped',
  unknown: 'an event this version does not know',
};

/** Takes the events of a slab; ports are named, and a flood of one kind is one line with its number. */
export function logEvents(
  log: Logger,
  ports: readonly NumberedPort[],
): (events: readonly WallEvent[], lost: number) => void {
  const names = new Map(ports.map((port) => [port.number, port.name]));
  return (events, lost) => {
    const byKind = new Map<keyof typeof MESSAGES, WallEvent[]>();
    for (const event of events) {
      // Its own lines tell of that: see logRoom.
      if (event.kind === 'table-full') continue;
      const same = byKind.get(event.kind);
      if (same === undefined) byKind.set(event.kind, [event]);
      else same.push(event);
    }
    for (const [kind, same] of byKind) {
      const [first] = same;
      const fields = { ...named(first!, names), count: same.length };
      if (kind === 'state-cut') log.info(fields, MESSAGES[kind]);
      else log.warn(fields, MESSAGES[kind]);
    }
    if (lost > 0) log.warn({ lost }, 'events were lost');
  };
}

const ROOM_MESSAGES: Partial<Record<EventKind, string>> = {
  'table-full': 'the table of established connections is full: new ones are refused',
  'table-nearly-full': 'the table of established connections is nearly full',
  'table-room': 'there is room in the table of established connections again',
};

/** Hands events of the table of connections on, and logs them. */
export function logRoom(log: Logger, sink: EventSink): EventSink {
  return {
    emit(kind, fields) {
      const level = kind === 'table-room' ? 'info' : 'warn';
      log[level](fields as object, ROOM_MESSAGES[kind]);
      sink.emit(kind, fields);
    },
  };
}

/** Says when more events than before found no room in the kernel. */
export function lossTeller(log: Logger, count: () => number): () => void {
  let known = count();
  return () => {
    const now = count();
    if (now > known) log.warn({ lost: now - known }, 'events were lost in the kernel');
    known = now;
  };
}

function named(event: WallEvent, names: ReadonlyMap<number, string>): Record<string, unknown> {
  const name = (port: number) => names.get(port) ?? String(port);
  if (event.kind === 'drops') {
    const { reason, source, proto } = event;
    return { source: formatAddress(source), reason, proto, port: name(event.port) };
  }
  if (event.kind === 'mac-moved') {
    return { ...event, fromPort: name(event.fromPort), toPort: name(event.toPort) };
  }
  return { ...event };
}
