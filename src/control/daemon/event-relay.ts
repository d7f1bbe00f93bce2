/** What the packet path tells goes to whoever watches, in the words of the event bus. */
import type { WallEvent } from '../dataplane/index.js';
import type { EventSink } from './event-bus.js';
import type { Room } from './room.js';

/** Takes the events of a slab. @param portName of a port's number */
export function relayEvents(
  sink: EventSink,
  portName: (number: number) => string,
  room: Pick<Room, 'refused'>,
): (events: readonly WallEvent[], lost: number) => void {
  return (events, lost) => {
    const full = new Map<string, number>();
    for (const event of events) {
      switch (event.kind) {
        case 'mac-moved': {
          const [fromPort, toPort] = [portName(event.fromPort), portName(event.toPort)];
          sink.emit('mac-moved', { mac: event.mac, fromPort, toPort, vlan: event.vlan.join('.') });
          break;
        }
        case 'state-cut': {
          const { proto, low, high, reason } = event;
          sink.emit('state-cut', { proto, low, high, reason });
          break;
        }
        case 'table-full': {
          const port = portName(event.port);
          full.set(port, (full.get(port) ?? 0) + 1);
          break;
        }
      }
    }
    for (const [port, count] of full) room.refused(port, count);
    if (lost > 0) sink.emit('events-lost', { count: lost });
  };
}

/** Tells, when called, by how much a count of losses has grown since the call before. */
export function relayLoss(
  sink: EventSink,
  kind: 'log-lost' | 'events-lost' | 'sessions-lost',
  count: () => number,
): () => void {
  let known = count();
  return () => {
    const now = count();
    if (now > known) sink.emit(kind, { count: now - known });
    known = now;
  };
}
