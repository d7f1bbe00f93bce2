import { expect, test } from 'vitest';
import { EventBus } from '../../../../src/control/daemon/event-bus.js';
import { relayEvents, relayLoss } from '../../../../src/control/daemon/event-relay.js';
import type { EventFields, EventKind, NodeEvent } from '../../../../src/control/events.js';

function listen(bus: EventBus): { heard: NodeEvent[]; stop: () => void } {
  const heard: NodeEvent[] = [];
  const stop = new AbortController();
  bus.watch((event) => heard.push(event), stop.signal);
  return { heard, stop: () => stop.abort() };
}

test('everybody hears an event, until they stop', () => {
  const bus = new EventBus();
  const [first, second] = [listen(bus), listen(bus)];
  bus.emit('log-lost', { count: 3 });
  second.stop();
  bus.emit('log-lost', { count: 4 });
  expect(first.heard).toEqual([
    { ts: expect.stringMatching(/^\d{4}-.*Z$/), event: 'log-lost', count: 3 },
    { ts: expect.any(String), event: 'log-lost', count: 4 },
  ]);
  expect(second.heard).toHaveLength(1);
});

test('a watch begins with the start of the daemon', () => {
  const bus = new EventBus();
  bus.emit('log-lost', { count: 1 });
  bus.emit('daemon-started', { node: 'fw1', generation: 3, policy: 'adopted' });
  const { heard } = listen(bus);
  expect(heard).toMatchObject([{ event: 'daemon-started', node: 'fw1', generation: 3 }]);
});

test('a listener that throws keeps no event from the others', () => {
  const errors: unknown[] = [];
  const bus = new EventBus((error) => errors.push(error));
  bus.watch(() => {
    throw new Error('no');
  }, new AbortController().signal);
  const { heard } = listen(bus);
  bus.emit('log-lost', { count: 1 });
  expect(heard).toHaveLength(1);
  expect(errors).toEqual([new Error('no')]);
});

function sink() {
  const heard: unknown[] = [];
  return {
    heard,
    emit<K extends EventKind>(kind: K, fields: EventFields[K]) {
      heard.push([kind, fields]);
    },
  };
}

test('events of the packet path name ports, and a flood of full tables is one', () => {
  const out = sink();
  const refused: unknown[] = [];
  const relay = relayEvents(out, (number) => `port${number}`, {
    refused: (port, count) => void refused.push([port, count]),
  });
  relay(
    [
      { kind: 'mac-moved', mac: '02:00:00:00:00:01', fromPort: 1, toPort: 2, vlan: [10, 20] },
      { kind: 'table-full', port: 1 },
      { kind: 'state-cut', proto: 'tcp', low: 'a', high: 'b', reason: 'no-in' },
      { kind: 'table-full', port: 1 },
      { kind: 'unknown', type: 77 },
    ],
    5,
  );
  expect(out.heard).toEqual([
    ['mac-moved', { mac: '02:00:00:00:00:01', fromPort: 'port1', toPort: 'port2', vlan: '10.20' }],
    ['state-cut', { proto: 'tcp', low: 'a', high: 'b', reason: 'no-in' }],
    ['events-lost', { count: 5 }],
  ]);
  expect(refused).toEqual([['port1', 2]]);
});

test('a loss is told by how much it grew', () => {
  const out = sink();
  let lost = 7;
  const tell = relayLoss(out, 'log-lost', () => lost);
  tell();
  lost = 9;
  tell();
  tell();
  expect(out.heard).toEqual([['log-lost', { count: 2 }]]);
});
