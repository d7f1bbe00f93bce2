/**
 * What a line asks for beside letting a connection pass: that its packets go through netfilter, to be
 * read by a helper or decided upon by whoever listens to the queue. One number, as in the packet path.
 */
import { type CodeRange, SERVICE_SCTP, SERVICE_TCP, SERVICE_UDP } from './codes.js';
import { quote } from './errors.js';
import type { Entry, Fields, Reader } from './reader.js';

/** `enum detour_bits` of bpf/layout_detour.h (a test holds the two together). */
export const Detour = { INSPECT: 1, OPEN: 2, HELPER: 0xf0, HELPER_AT: 4 } as const;

/** Helpers of the kernel by number - 1, and the protocol of the connection that each reads. */
export const HELPERS = [
  { name: 'ftp', protocol: 'tcp', families: ['ip', 'ip6'] },
  { name: 'tftp', protocol: 'udp', families: ['ip', 'ip6'] },
  // DCC has no IPv6, and neither has its helper.
  { name: 'irc', protocol: 'tcp', families: ['ip'] },
  { name: 'sip', protocol: 'udp', families: ['ip', 'ip6'] },
] as const;

const CODES = {
  tcp: { low: SERVICE_TCP, high: SERVICE_UDP - 1 },
  udp: { low: SERVICE_UDP, high: SERVICE_SCTP - 1 },
} as const;

/** Keys of a line. */
export const DETOUR_OPTIONS = ['helper', 'inspect'];

/** Name of the helper; null: none. */
export function helperOf(detour: number): string | null {
  return HELPERS[((detour & Detour.HELPER) >> Detour.HELPER_AT) - 1]?.name ?? null;
}

/** As a line would say it; '' for nothing. */
export function detourText(detour: number): string {
  const helper = helperOf(detour);
  const inspect = (detour & Detour.OPEN) !== 0 ? 'inspect: fail-open' : 'inspect: true';
  return [
    ...(helper === null ? [] : [`helper: ${helper}`]),
    ...((detour & Detour.INSPECT) === 0 ? [] : [inspect]),
  ].join(', ');
}

/** What two rules of one connection ask for together: see detour_of in bpf/policy.h. */
export function bothDetours(out: number, into: number): number {
  const helper = into & Detour.HELPER || out & Detour.HELPER;
  const inspecting = [out, into].filter((one) => one & Detour.INSPECT);
  const open = inspecting.length > 0 && inspecting.every((one) => one & Detour.OPEN);
  return helper | (inspecting.length > 0 ? Detour.INSPECT : 0) | (open ? Detour.OPEN : 0);
}

/** Reads `helper` and `inspect` of a line for these services. */
export function readDetour(
  reader: Reader,
  fields: Fields,
  services: readonly { readonly items: readonly CodeRange[] }[],
): number {
  const helper = fields.entries.get('helper');
  const inspect = fields.entries.get('inspect');
  const bits = helper === undefined ? 0 : readHelper(reader, helper, services);
  return inspect === undefined ? bits : bits | readInspect(reader, inspect);
}

function readHelper(
  reader: Reader,
  entry: Entry,
  services: readonly { readonly items: readonly CodeRange[] }[],
): number {
  const names = HELPERS.map(({ name }) => name).join(', ');
  const hint = `write one of ${names}`;
  const name = reader.text(entry.value, entry.keyNode, '`helper`', hint);
  const at = entry.value ?? entry.keyNode;
  const index = HELPERS.findIndex((one) => one.name === name);
  if (index < 0) reader.fail('unknown-name', at, `there is no helper ${quote(name)}`, hint);
  const { protocol } = HELPERS[index]!;
  const { low, high } = CODES[protocol];
  const strange = services.some(({ items }) => items.some((i) => i.low < low || i.high > high));
  if (strange) {
    const problem = `helper ${name} reads ${protocol}, and this line has other services`;
    reader.fail(
      'bad-service',
      at,
      problem,
      `give it a line of its own, with a service of ${protocol}`,
    );
  }
  return (index + 1) << Detour.HELPER_AT;
}

function readInspect(reader: Reader, { value, keyNode }: Entry): number {
  const text = reader.scalarText(value);
  if (text === 'fail-open') return Detour.INSPECT | Detour.OPEN;
  if (text === 'true' || text === 'fail-closed') return Detour.INSPECT;
  if (text === 'false') return 0;
  const hint = 'write true (fail-closed), or fail-open for what may pass when nobody listens';
  return reader.fail('wrong-type', value ?? keyNode, '`inspect` says neither yes nor no', hint);
}
