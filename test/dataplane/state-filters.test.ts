/** Which states a listing shows, a count counts and a kill ends: the kernel's answer beside the oracle's. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { StateRowReader } from '../../src/control/api/state-rows.js';
import { stateSelection } from '../../src/control/daemon/state-filter.js';
import { index } from '../../src/control/dataplane/array-key.js';
import { newRuleSlots } from '../../src/control/dataplane/state-listing.js';
import { phaseNames } from '../../src/control/dataplane/states.js';
import type { StateEntry, StateFilter } from '../../src/control/service.js';
import { icmp } from '../packet/index.js';
import {
  admin,
  dropped,
  type Endpoint,
  forwarded,
  handshake,
  known,
  mail,
  mail6,
  packet,
  partner,
  segment,
  stranger,
  stranger6,
  tagged,
  www,
} from './fixtures/actors.js';
import { CAMPUS } from './fixtures/policies.js';
import type { FrameStep } from './fixtures/types.js';
import { fillEstablished } from './harness/fill.js';
import { layCables } from './harness/network.js';
import { planOf } from './harness/plans.js';
import { matcher, shownStates } from './harness/state-oracle.js';
import { TestRuns } from './harness/test-run.js';
import { TestWall } from './harness/wall.js';

const SMTP = 25;
const SUBMISSION = 587;
const MANY = 20_000;

let wall: TestWall;
let runner: TestRuns;

beforeAll(() => {
  wall = new TestWall(layCables(), { maxStates: MANY + 1000 });
  runner = new TestRuns(wall, 'xdp');
});
afterAll(() => {
  runner.close();
  wall.close();
});

const send = (...steps: FrameStep[]) =>
  expect(steps.flatMap((step) => runner.send(step))).toEqual([]);
const echo = (from: Endpoint, to: Endpoint, identifier: number) =>
  packet(from, to, icmp({ type: 8, id: identifier }));
const data = (sport: number) => segment(stranger, mail, sport, SMTP, 'PA', { data: 'MAIL' });
const plan = planOf(CAMPUS);

/** Of either family, tagged or not, half open or not, by rules of every kind; some are older. */
beforeEach(() => {
  wall.reset({ counters: true }, plan);
  const [inside, outside] = [tagged(mail, 10), tagged(stranger, 10)];
  wall.setClock(100);
  send(...known(stranger, partner, admin, mail, www, stranger6, mail6, inside, outside));
  send(...handshake(stranger, mail, 40000, SMTP), ...handshake(stranger, mail, 40001, SMTP));
  send(...handshake(mail, stranger, 40000, SMTP));
  wall.setClock(160);
  send(forwarded(segment(stranger, mail, 40002, SMTP, 'S'), mail));
  send(forwarded(data(40001), mail));
  send(...handshake(partner, mail, 40000, SUBMISSION));
  send(...handshake(partner, admin, 40000, 22));
  send(forwarded(segment(partner, mail, 40001, SUBMISSION, 'S'), mail));
  wall.setClock(190);
  send(forwarded(echo(stranger, mail, 7), mail));
  send(forwarded(echo(mail, stranger, 25), stranger));
  send(...handshake(outside, inside, 40009, SMTP));
  send(...handshake(stranger6, mail6, 40000, SMTP));
  wall.setClock(200);
});

const names = {
  hosts: plan.hosts,
  slotOf: (id: string) =>
    Array.from({ length: 64 }, (_, i) => i).find((i) => wall.ruleId(i) === id),
};
const selection = (filter: StateFilter) => stateSelection(filter, names);

/** As a client reads it. */
async function listed(filter: StateFilter, most?: number): Promise<StateEntry[]> {
  const reader = new StateRowReader();
  const told = new Uint8Array(1024);
  const entries: StateEntry[] = [];
  for await (const rows of wall.passes.list(selection(filter), most)) {
    const rules = newRuleSlots(rows, told).map((slot) => ({ slot, id: wall.ruleId(slot) }));
    entries.push(...reader.read({ rows, rules, phases: phaseNames() }));
  }
  return entries;
}

const FILTERS: StateFilter[] = [
  {},
  { proto: 'tcp' },
  { proto: '1' },
  { phase: 'syn-sent' },
  { phase: 'established', port: 40000 },
  { port: SMTP },
  { port: 8 },
  { port: 7 },
  { port: 264 },
  { host: 'mail' },
  { host: 'www' },
  { host: 'mail', proto: 'icmp' },
  { address: stranger.ip },
  { address: mail6.ip },
  { address: '198.51.100.0/28' },
  { address: '203.0.113.0/30' },
  { address: '0.0.0.0/0' },
  { address: '::/0' },
  { address: '2001:db8:1::/48' },
  { vlan: 10 },
  { vlan: 11 },
  { vlan: 10, proto: 'icmp' },
  { src: stranger.ip },
  { dst: stranger.ip },
  { src: 'mail' },
  { dst: 'mail' },
  { src: 'mail', dst: 'www' },
  { src: '198.51.100.0/24', dst: 'mail', dport: SUBMISSION },
  { src: mail6.ip },
  { dst: mail6.ip },
  { host: 'mail', src: stranger.ip },
  { sport: 40000 },
  { dport: 40000 },
  { dport: SMTP },
  { sport: SMTP },
  { sport: 7 },
  { dport: 8, proto: 'icmp' },
  { family: 4 },
  { family: 6 },
  { direction: 'in' },
  { direction: 'out' },
  { direction: 'transit' },
  { rule: 'mail-smtp' },
  { rule: 'mail-smtp-out' },
  { rule: 'transit-ssh' },
  { rule: 'www-http' },
  { older: 0 },
  { older: 40 },
  { older: 41 },
  { older: 100 },
  { older: 101 },
  { younger: 40 },
  { younger: 41 },
  { idle: 10 },
  { idle: 40 },
  { idle: 41, older: 100 },
  { expires: 80 },
  { expires: 79 },
  { expires: 1_000_000 },
];

describe.each(FILTERS)('%j', (filter) => {
  it('shows, counts and kills the same', async () => {
    const matches = matcher(filter, plan.hosts);
    const all = shownStates(wall);
    expect(all).toHaveLength(11);
    const [meant, stay] = [all.filter(matches), all.filter((state) => !matches(state))];
    expect(await listed(filter)).toEqual(meant);
    expect(await wall.passes.matching(selection(filter))).toBe(meant.length);
    expect(await wall.passes.kill(selection(filter))).toBe(meant.length);
    expect(shownStates(wall)).toEqual(stay);
    expect([...wall.map('picked').entries()]).toEqual([]);
  });
});

it('most of these filters tell states apart', () => {
  const all = shownStates(wall);
  const counts = FILTERS.map((filter) => all.filter(matcher(filter, plan.hosts)).length);
  expect(counts.filter((count) => count > 0 && count < all.length).length).toBeGreaterThan(40);
});

describe('listings', () => {
  it('that are under way together keep their filters apart', async () => {
    const filters: StateFilter[] = [
      { host: 'www' },
      { src: 'mail' },
      { dst: 'mail' },
      { vlan: 10 },
    ];
    const alone: StateEntry[][] = [];
    for (const filter of filters) alone.push(await listed(filter));
    expect(await Promise.all(filters.map((filter) => listed(filter)))).toEqual(alone);
    expect([...wall.map('picked').entries()]).toEqual([]);
  });

  it('of which one is left in the middle leaves nothing behind', async () => {
    for await (const _ of wall.passes.list(selection({ host: 'mail' }))) break;
    expect([...wall.map('picked').entries()]).toEqual([]);
  });

  it('name no more sets of hosts than there are bits', async () => {
    const lists = Array.from({ length: 33 }, () => wall.passes.list(selection({ host: 'mail' })));
    const first = lists.slice(0, 32).map((list) => list.next());
    expect((await Promise.all(first)).every(({ done }) => done !== true)).toBe(true);
    await expect(lists[32]!.next()).rejects.toMatchObject({ code: 'busy' });
    for (const list of lists) await list.return(undefined);
    expect(await listed({ host: 'mail' })).not.toEqual([]);
    expect([...wall.map('picked').entries()]).toEqual([]);
  });

  it('end after as many as were asked for', async () => {
    const all = await listed({});
    for (const most of [1, 5, all.length - 1, all.length, all.length + 1]) {
      expect(await listed({}, most)).toEqual(all.slice(0, most));
    }
  });

  it('of a large table are whole, whatever share of it matches', async () => {
    fillEstablished(wall, MANY, () => wall.dataplane.clock.now());
    const clients = await listed({ src: '10.0.0.0/8' });
    expect(new Set(clients.map(({ src }) => src)).size).toBe(MANY);
    expect(clients).toHaveLength(MANY);
    expect(await listed({ src: '10.0.1.0/24' })).toHaveLength(256);
    expect(await listed({ dst: 'www' })).toEqual([]);
    expect(await wall.passes.matching(selection({ src: '10.0.0.0/8' }))).toBe(MANY);
    expect(await wall.passes.matching({})).toBe(MANY + 11);
    expect(await listed({ src: '10.0.0.0/8' }, 777)).toHaveLength(777);
  });
});

describe('killing', () => {
  it('heeds no addresses that a pass left behind which was killed', async () => {
    const live = shownStates(wall).length;
    const { addresses } = selection({ host: 'mail' }).either!;
    for (const address of addresses!) wall.map('picked').update(address, index(1));
    expect(await wall.passes.kill(selection({ host: 'www' }))).toBe(0);
    expect(shownStates(wall)).toHaveLength(live);
    expect([...wall.map('picked').entries()]).toEqual([]);
  });

  it('ends what the policy allows, which may begin anew', async () => {
    expect(await wall.passes.kill(selection({ proto: 'tcp', dst: 'mail', port: SMTP }))).toBe(5);
    send(dropped(data(40000), 'no-state'));
    send(...handshake(stranger, mail, 40007, SMTP));
  });
});
