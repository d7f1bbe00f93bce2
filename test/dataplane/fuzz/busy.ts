/** Episodes of nothing but connections that come and go, under rates and limits that most of them meet. */

import type { Endpoint, Sending } from '../fixtures/actors.js';
import { datagram, mail, partner, segment, stranger, www } from '../fixtures/actors.js';
import type { Episode, Event } from './episode.js';
import { Random } from './random.js';

const CLIENTS = [stranger, partner, { ...stranger, ip: '203.0.113.6' }] as const;
const SERVERS = [mail, www] as const;
const PORTS = [1, 2, 3, 4] as const;

/** The episode of a seed, with so many frames. */
export function busyEpisode(seed: number, frames: number, hz: number): Episode {
  const random = new Random(seed);
  const events: Event[] = [policy(random)];
  const coming: Sending[] = [];
  let now = 0;
  for (let sent = 0; sent < frames; sent++) {
    if (random.oneIn(4)) {
      now += random.weighted([
        [12, random.pick([1, 2, Math.round(hz / 2), hz])],
        [1, random.pick([11, 31, 61, 121]) * hz],
      ]);
      events.push({ kind: 'clock', jiffies: now });
    }
    if (random.oneIn(25)) {
      events.push({ kind: 'sweep' });
      now += 8;
    }
    if (random.oneIn(15)) events.push({ kind: 'recount' });
    if (random.oneIn(60)) events.push({ kind: 'cut' });
    if (random.oneIn(80)) events.push(policy(random));
    if (random.oneIn(60)) events.push({ kind: 'lease', jiffies: random.oneIn(3) ? now : 1e9 });
    if (coming.length === 0) coming.push(...sendings(random));
    const { from, frame } = coming.shift()!;
    events.push({ kind: 'frame', port: from.port, frame });
  }
  return { seed, fdbQuota: undefined, stp: false, detour: false, events };
}

/** What two ends say to each other; now and then nobody looks whether it fits. */
function sendings(random: Random): Sending[] {
  const [client, server, port] = [random.pick(CLIENTS), random.pick(SERVERS), random.pick(PORTS)];
  const [from, to]: [Endpoint, Endpoint] = random.oneIn(6) ? [server, client] : [client, server];
  const tcp = (flags: string, numbers = {}) => segment(from, to, port, 25, flags, numbers);
  const answer = (flags: string, numbers = {}) => segment(to, from, 25, port, flags, numbers);
  const closing = [tcp('FA'), answer('FA', { ack: 1002 }), tcp('A', { seq: 1002, ack: 1002 })];
  const one = () =>
    random.weighted<() => Sending>([
      [3, () => tcp('S', random.oneIn(3) ? { seq: 90000 } : {})],
      [2, () => answer('SA', random.oneIn(3) ? { ack: 90001 } : {})],
      [2, () => tcp('A', random.oneIn(3) ? { seq: 90001 } : {})],
      [1, () => answer('R')],
      [1, () => tcp('R')],
      [1, () => datagram(from, to, port, 53)],
      [1, () => datagram(to, from, 53, port)],
    ])();
  return random.weighted<() => Sending[]>([
    [5, () => [tcp('S'), answer('SA'), tcp('A')]],
    [2, () => closing.slice(0, random.between(1, 3))],
    [2, () => [datagram(from, to, port, 53), datagram(to, from, 53, port)]],
    [5, () => [one()]],
  ])();
}

function policy(random: Random): Event {
  const states = () => `states: ${random.pick([1, 2, 3, 'none'])}`;
  const rate = () => `rate: ${random.pick(['1/s', '3/s', '5/m', '20/h', 'none'])}`;
  const limit = () =>
    random.pick(['none', `{${states()}}`, `{${rate()}}`, `{${states()}, ${rate()}}`]);
  const line = (word: string, id: string) =>
    `{${word}: any, id: ${id}${random.oneIn(3) ? `, rate: ${random.pick(['2/s', '9/m', '1/h'])}` : ''}}`;
  const host = (name: string, ip: string) => [
    `  ${name}:`,
    `    addresses: [${ip}]`,
    ...(random.oneIn(3) ? [`    limits: ${limit()}`] : []),
    `    in: {25/tcp: ${line('from', `${name}-tcp`)}, 53/udp: ${line('from', `${name}-udp`)}}`,
    `    out: {all: ${line('to', `${name}-out`)}}`,
  ];
  const text = [
    'apiVersion: bridgewall/v1',
    'hosts:',
    ...host('mail', mail.ip),
    ...(random.oneIn(5) ? [] : host('www', www.ip)),
    `transit: [${`{from: any, to: any, services: all, id: through}`}]`,
    `defaults: {log: {drops: none}, limits: {perSource: ${limit()}, perHost: ${limit()}}}`,
  ].join('\n');
  return { kind: 'policy', text };
}
