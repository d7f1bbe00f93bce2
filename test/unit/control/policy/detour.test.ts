import { describe, expect, it } from 'vitest';
import { DetourMark, Mark } from '../../../../src/control/netfilter/index.js';
import { bothDetours, Detour, detourText, HELPERS } from '../../../../src/control/policy/detour.js';
import { compile, parsePolicy } from '../../../../src/control/policy/index.js';
import * as layouts from '../../../../src/generated/layouts.js';

const { INSPECT, OPEN } = Detour;
const FTP = 1 << Detour.HELPER_AT;
const IRC = 3 << Detour.HELPER_AT;

function lines(...text: string[]): string {
  const inward = text.map((line) => `      ${line}`).join('\n');
  return `apiVersion: bridgewall/v1\nhosts:\n  a:\n    addresses: [192.0.2.1]\n    in:\n${inward}\n`;
}

function detours(...text: string[]): number[] {
  const { rules } = compile(parsePolicy(lines(...text), 'p.yaml'));
  return Array.from(rules, ({ detour }) => detour);
}

function refusal(...text: string[]): string {
  try {
    parsePolicy(lines(...text), 'p.yaml');
  } catch (error) {
    return (error as Error).message;
  }
  return 'none';
}

describe('helper and inspect', () => {
  it('are read from lines that allow', () => {
    expect(
      detours(
        '21/tcp: {from: any, helper: ftp}',
        '22/tcp: {from: any, inspect: true}',
        '23/tcp: {from: any, inspect: fail-open, helper: irc}',
        '24/tcp: [{from: any, inspect: fail-closed}]',
        '25/tcp: {from: any, inspect: false}',
      ),
    ).toEqual([FTP, INSPECT, IRC | INSPECT | OPEN, INSPECT, 0]);
    const pairs = 'matrix: [{from: 198.51.100.0/24, to: a, services: 26/tcp, helper: ftp}]\n';
    const transit = 'transit: [{from: any, to: any, services: 69/udp, inspect: true}]\n';
    const plan = compile(parsePolicy(lines('ping: any') + pairs + transit, 'p.yaml'));
    expect(Array.from(plan.rules, ({ detour }) => detour)).toEqual([0, FTP, INSPECT]);
  });

  it('are part of what a rule is', () => {
    const id = (line: string) => compile(parsePolicy(lines(line), 'p.yaml')).rules.ids[0];
    const kinds = ['', ', helper: ftp', ', inspect: true', ', inspect: fail-open'];
    expect(new Set(kinds.map((more) => id(`21/tcp: {from: any${more}}`))).size).toBe(4);
    const digest = (more: string) =>
      compile(parsePolicy(lines(`21/tcp: {from: any, id: x${more}}`), 'p.yaml')).digest;
    expect(new Set(kinds.map(digest)).size).toBe(4);
  });

  it('say where they are wrong and what to write', () => {
    expect(refusal('21/tcp: {from: any, helper: fpt}')).toBe(
      'p.yaml:6:35: there is no helper "fpt"; hint: write one of ftp, tftp, irc, sip',
    );
    expect(refusal('[21/tcp, 21/udp]: {from: any, helper: ftp}')).toBe(
      'p.yaml:6:45: helper ftp reads tcp, and this line has other services; ' +
        'hint: give it a line of its own, with a service of tcp',
    );
    expect(refusal('all: {from: any, helper: tftp}')).toContain('reads udp');
    expect(refusal('21/tcp: {from: any, inspect: open}')).toContain(
      'p.yaml:6:36: `inspect` says neither yes nor no; hint: write true',
    );
    const deny = `${lines('ping: any')}deny: [{from: 192.0.2.9, inspect: true}]\n`;
    expect(() => parsePolicy(deny, 'p.yaml')).toThrow('unknown key "inspect" in a line of deny');
  });

  it('of two rules are one wish', () => {
    expect(bothDetours(FTP, IRC)).toBe(IRC);
    expect(bothDetours(FTP | INSPECT, 0)).toBe(FTP | INSPECT);
    expect(bothDetours(INSPECT | OPEN, INSPECT)).toBe(INSPECT);
    expect(bothDetours(INSPECT | OPEN, 0)).toBe(INSPECT | OPEN);
    expect(bothDetours(INSPECT | OPEN, INSPECT | OPEN)).toBe(INSPECT | OPEN);
  });

  it('are shown as they are written', () => {
    expect(detourText(0)).toBe('');
    expect(detourText(FTP | INSPECT | OPEN)).toBe('helper: ftp, inspect: fail-open');
    expect(HELPERS.map((_, i) => detourText((i + 1) << Detour.HELPER_AT))).toEqual(
      HELPERS.map(({ name }) => `helper: ${name}`),
    );
  });

  it('have the numbers of the packet path', () => {
    const { DetourBits, DetourMark: marks, MarkBits } = layouts;
    expect(Detour).toEqual({ ...DetourBits });
    expect(DetourMark).toEqual({
      VID: marks.VID,
      HELPER_AT: marks.HELPER_AT,
      INSPECT: marks.INSPECT,
      OPEN: marks.OPEN,
    });
    expect([Mark.DETOUR, Mark.DETOUR_DONE]).toEqual([MarkBits.DETOUR, MarkBits.DETOUR_DONE]);
  });
});
