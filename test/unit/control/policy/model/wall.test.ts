import { beforeEach, describe, expect, it } from 'vitest';
import { type Outcome, Wall } from '../../../../../src/control/policy/model/index.js';
import { parsePolicy } from '../../../../../src/control/policy/parse.js';
import { fc } from '../../../../chance.js';
import {
  ether,
  frame,
  icmp,
  ipv4,
  ipv6,
  type Layer,
  tcp,
  udp,
  vlan,
} from '../../../../packet/index.js';
import { addressBytes } from '../arbitraries.js';

const HZ = 250;
const UP = 0;
const DOWN = 1;
const OUTSIDE = '02:00:00:00:00:01';
const INSIDE = '02:00:00:00:00:02';
const POLICY = `apiVersion: bridgewall/v1
groups: {bad: {dynamic: true}}
hosts:
  web:
    addresses: [192.0.2.1]
    in:
      80/tcp: {from: any, id: http}
      53/udp: {from: any, id: dns}
      ping: {from: any, id: ping}
    out:
      80/tcp: {to: any, id: http-out}
deny:
  - {from: bad, id: no-bad}
`;

let wall: Wall;
let now: number;

beforeEach(() => {
  wall = new Wall({
    ports: new Map([
      [UP, 'uplink'],
      [DOWN, 'inside'],
    ]),
    macs: [],
    reserved: { bpdu: 'forward', lldp: 'drop', lacp: 'drop', eapol: 'drop' },
    hz: HZ,
  });
  wall.install(parsePolicy(POLICY, 'p.yaml'));
  now = 1000 * HZ;
});

/** From 198.51.100.1 to the server. */
function request(...layers: Layer[]): Outcome {
  const ip = ipv4({ src: '198.51.100.1', dst: '192.0.2.1' });
  return wall.receive(frame(ether({ src: OUTSIDE, dst: INSIDE }), ip, ...layers), UP, now);
}

function reply(...layers: Layer[]): Outcome {
  const ip = ipv4({ src: '192.0.2.1', dst: '198.51.100.1' });
  return wall.receive(frame(ether({ src: INSIDE, dst: OUTSIDE }), ip, ...layers), DOWN, now);
}

/** Both begin at 1000 and have nothing to say. */
const numbers = (flags: string) => ({
  flags,
  seq: flags.includes('S') ? 1000 : 1001,
  ...(flags.includes('A') ? { ack: 1001 } : {}),
});
const up = (flags: string, sport = 5000): Outcome =>
  request(tcp({ sport, dport: 80, ...numbers(flags) }));
const down = (flags: string, dport = 5000): Outcome =>
  reply(tcp({ sport: 80, dport, ...numbers(flags) }));

describe('the wall as a model', () => {
  it('has a verdict for any bytes', () => {
    const start = fc.constantFrom(
      frame(ether({ src: OUTSIDE, dst: INSIDE })),
      frame(ether({ src: OUTSIDE, dst: INSIDE }), vlan(7)),
      frame(ether({ src: OUTSIDE, dst: INSIDE }), ipv4({ src: '10.0.0.1', dst: '192.0.2.1' })),
      frame(ether({ src: OUTSIDE, dst: INSIDE }), ipv6({ src: 'fd00::1', dst: 'fd00::2' })),
      Buffer.alloc(0),
    );
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 200 }), fc.nat(400), (head, tail, cut) => {
        const bytes = Buffer.concat([head, tail]).subarray(0, cut);
        const { action, reason } = wall.receive(bytes, UP, now);
        expect(action === 'drop').toBe(reason !== 'none');
      }),
      { numRuns: 2000 },
    );
  });

  it('says which connection a frame belongs to, and how its phase moved', () => {
    expect(up('S')).toMatchObject({ opened: true, phaseBefore: null, phaseAfter: 'syn-sent' });
    const answer = down('SA');
    expect(answer).toMatchObject({
      opened: false,
      phaseBefore: 'syn-sent',
      phaseAfter: 'syn-recv',
    });
    expect(up('A')).toMatchObject({ phaseAfter: 'established', stateKey: answer.stateKey });
    expect(wall.connections(now)).toMatchObject([{ established: true, rules: { in: 'http' } }]);
  });

  it('forgets a connection only after its timeout', () => {
    up('S');
    now += 120 * HZ;
    expect(wall.connections(now)).toHaveLength(1);
    now += 1;
    expect(down('SA').reason).toBe('no-state');
  });

  it('moves last-seen with the phase, and otherwise at most once a second', () => {
    request(udp({ sport: 5000, dport: 53 }));
    now += HZ - 1;
    request(udp({ sport: 5000, dport: 53 }));
    expect(wall.connections(now)[0]!.seen).toBe(now - (HZ - 1));
    reply(udp({ sport: 53, dport: 5000 }));
    expect(wall.connections(now)[0]!.seen).toBe(now);
  });

  it('lets the other side open a new connection over one that is over', () => {
    up('S', 80);
    down('RA', 80);
    expect(wall.connections(now)).toMatchObject([{ phase: 'close', established: false }]);
    expect(down('S', 80)).toMatchObject({ opened: true, rules: { out: 'http-out', in: null } });
  });

  it('judges a connection again after a switch, as it was opened', () => {
    up('S');
    wall.install(parsePolicy(POLICY.replace('id: http}', 'id: web}'), 'p.yaml'));
    expect(down('SA')).toMatchObject({ reason: 'none', rules: { in: 'web' } });
    wall.install(parsePolicy(POLICY.replace('80/tcp: {from: any', '81/tcp: {from: any'), 'p.yaml'));
    expect(up('A').reason).toBe('no-in');
    expect(up('A').reason).toBe('no-state');
  });

  it('cuts the connections of a new member of a denied group, until it expires', () => {
    up('S');
    wall.addMember('bad', addressBytes('198.51.100.1'), now + 10 * HZ);
    expect(down('SA')).toMatchObject({ reason: 'denied', rules: { deny: 'no-bad' } });
    expect(up('S').reason).toBe('denied');
    now += 10 * HZ;
    expect(up('S')).toMatchObject({ reason: 'none', opened: true });
    wall.removeMember('bad', addressBytes('198.51.100.1'));
    expect(down('SA').reason).toBe('none');
  });

  it('takes no echo request of the pinged host for an answer', () => {
    expect(request(icmp({ type: 8, id: 7 })).opened).toBe(true);
    expect(reply(icmp({ type: 8, id: 7 })).reason).toBe('no-out');
    expect(reply(icmp({ type: 0, id: 7 }))).toMatchObject({ phaseAfter: 'both-ways' });
  });
});
