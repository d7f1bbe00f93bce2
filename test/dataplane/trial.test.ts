/** A policy on trial, in the packet path alone: no daemon is there that could take it back. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  dropped,
  forwarded,
  handshake,
  known,
  mail,
  partner,
  type Sending,
  segment,
  stranger,
} from './fixtures/actors.js';
import { CAMPUS } from './fixtures/policies.js';
import type { FrameStep } from './fixtures/types.js';
import { Explainer, type Hook } from './harness/hooks.js';
import { layCables, type TestPort } from './harness/network.js';
import { planOf } from './harness/plans.js';
import { liveStates } from './harness/states.js';
import { TestRuns } from './harness/test-run.js';
import { TestWall } from './harness/wall.js';

const SMTP = 25;
const SUBMISSION = 587;
const PORT = 40000;

/** SMTP from partners only: locks strangers out. And TELNET, which was not there before. */
const STRICT = CAMPUS.replace(
  '25/tcp: {from: any, id: mail-smtp}',
  '25/tcp: {from: partners, id: mail-smtp}\n      23/tcp: {from: any, id: mail-telnet}',
);
const TRIAL_SECONDS = 30;

let ports: TestPort[];
let wall: TestWall;

beforeAll(() => {
  ports = layCables();
  wall = new TestWall(ports);
});
afterAll(() => wall.close());

const data = (sport = PORT): Sending =>
  segment(stranger, mail, sport, SMTP, 'PA', { data: 'MAIL' });
const fromPartner = (): Sending => segment(partner, mail, PORT, SUBMISSION, 'PA', { data: 'EHLO' });
const syn = (dport: number, sport = PORT + 1): Sending =>
  segment(stranger, mail, sport, dport, 'S');

describe.each<Hook>(['xdp', 'tc'])('in %s', (hook) => {
  let runner: TestRuns;

  const send = (...steps: FrameStep[]) =>
    expect(steps.flatMap((step) => runner.send(step))).toEqual([]);
  const phases = () => liveStates(wall).map(({ sport, phase, rules }) => [sport, phase, rules.in]);

  beforeAll(() => {
    runner = new TestRuns(wall, hook);
  });
  afterAll(() => runner.close());

  beforeEach(() => {
    wall.reset({}, planOf(CAMPUS));
    send(...known(stranger, partner, mail));
    send(...handshake(stranger, mail, PORT, SMTP));
    send(...handshake(partner, mail, PORT, SUBMISSION));
    wall.installOnTrial(planOf(STRICT), TRIAL_SECONDS);
  });

  it('refuses what only the old policy allowed, and forgets none of its connections', () => {
    wall.setClock(1);
    send(dropped(data(), 'no-in'), dropped(data(), 'no-in'), dropped(syn(SMTP), 'no-in'));
    send(forwarded(fromPartner(), mail));
    wall.setClock(TRIAL_SECONDS - 1);
    send(dropped(data(), 'no-in'));
    wall.setClock(TRIAL_SECONDS);
    send(forwarded(data(), mail, { rules: { in: 'mail-smtp' } }));
    send(forwarded(segment(mail, stranger, SMTP, PORT, 'A'), stranger));
    send(forwarded(fromPartner(), mail, { rules: { in: 'mail-submission' } }));
    send(forwarded(syn(SMTP), mail));
    expect(phases()).toContainEqual([PORT, 'established', 'mail-submission']);
  });

  it('ends, once it is over, what only the policy on trial allowed', () => {
    send(...handshake(stranger, mail, PORT + 1, 23));
    wall.setClock(TRIAL_SECONDS - 1);
    const telnet = segment(stranger, mail, PORT + 1, 23, 'PA', { data: 'x' });
    send(forwarded(telnet, mail, { rules: { in: 'mail-telnet' } }));
    wall.setClock(TRIAL_SECONDS + 1);
    send(dropped(telnet, 'no-in'), dropped(telnet, 'no-state'), dropped(syn(23), 'no-in'));
  });

  it('keeps a pending connection that it refuses', () => {
    wall.reset({}, planOf(CAMPUS));
    send(...known(stranger, mail));
    send(forwarded(syn(SMTP), mail));
    wall.installOnTrial(planOf(STRICT), TRIAL_SECONDS);
    const answer = segment(mail, stranger, SMTP, PORT + 1, 'SA');
    send(dropped(answer, 'no-in'));
    wall.setClock(TRIAL_SECONDS);
    send(forwarded(answer, stranger));
  });

  it('stays when it is confirmed, and cuts then what it does not allow', () => {
    wall.setClock(TRIAL_SECONDS - 1);
    expect(wall.confirm()).toBe(true);
    wall.setClock(TRIAL_SECONDS * 2);
    send(forwarded(fromPartner(), mail));
    send(dropped(data(), 'no-in'), dropped(data(), 'no-state'));
    expect(phases()).toEqual([[PORT, 'established', 'mail-submission']]);
  });

  it('cannot be confirmed too late', () => {
    wall.setClock(TRIAL_SECONDS);
    expect(wall.confirm()).toBe(false);
    send(forwarded(data(), mail));
  });

  it('is judged by one epoch of its own on each side of the deadline', () => {
    send(forwarded(fromPartner(), mail));
    // A member comes: all states are judged again, now and after the deadline.
    wall.setMember('badguys', partner.ip, {});
    wall.setClock(TRIAL_SECONDS - 1);
    send(dropped(fromPartner(), 'denied'));
    wall.setMember('badguys', partner.ip, 'remove');
    send(forwarded(fromPartner(), mail));
    wall.setClock(TRIAL_SECONDS);
    send(forwarded(fromPartner(), mail), forwarded(data(), mail));
    wall.setMember('badguys', stranger.ip, {});
    send(dropped(data(), 'denied'), dropped(data(), 'denied'));
    send(forwarded(fromPartner(), mail));
  });

  it('makes way for the next policy, in time and afterwards', () => {
    send(dropped(data(), 'no-in'));
    wall.setClock(TRIAL_SECONDS);
    send(forwarded(data(), mail));
    // What a daemon does to make it formal.
    wall.install(planOf(CAMPUS));
    send(forwarded(data(), mail, { rules: { in: 'mail-smtp' } }), forwarded(fromPartner(), mail));
    wall.install(planOf(STRICT));
    send(dropped(data(), 'no-in'), dropped(data(), 'no-state'));
    send(forwarded(fromPartner(), mail));
  });

  it('says by which generation it explains', () => {
    const explainer = new Explainer(wall);
    const trial = wall.generation;
    const ask = () => explainer.explain(stranger.port, syn(SMTP).frame);
    expect(ask()).toMatchObject({ generation: trial, action: 'drop', reason: 'no-in' });
    wall.setClock(TRIAL_SECONDS);
    const old = { generation: trial - 1, action: 'forward', rules: { in: 'mail-smtp' } };
    expect(ask()).toMatchObject(old);
  });
});
