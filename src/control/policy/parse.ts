import { type DurationUnit, UNIT_SECONDS } from '../duration.js';
import type { Policy } from './ast.js';
import { quote } from './errors.js';
import { groupKind, readGroups } from './groups.js';
import { readHosts } from './hosts.js';
import { type DefaultLimits, NO_LIMITS, readDefaultLimits } from './limits.js';
import { readDenyLines, readPairLines } from './lines.js';
import { checkOnDrops, type OnDropContext, readOnDrops } from './on-drop.js';
import { onDropsOf } from './on-drop-plan.js';
import { type PeerKind, PeerReader } from './peers.js';
import type { PolicyWarning } from './plan.js';
import { type Entry, type Fields, Reader } from './reader.js';
import { ServiceReader } from './service-reader.js';

const API_VERSION = 'bridgewall/v1';
const KEYS = ['apiVersion', 'services', 'groups', 'hosts', 'matrix', 'transit', 'deny', 'defaults'];
/** Seconds. */
const MOST_PICKUP = 3600;
const PICKUP_HINT = 'write a time, as in 60s or 5m; 0s picks up nothing';
const LATER_KEYS = ['include', 'profiles', 'link', 'self'];

/**
 * Reads a policy. `file` is the name that positions show.
 *
 * @throws PolicyError at the first mistake: one line with file:line:column and a hint.
 */
export function parsePolicy(text: string, file: string): Policy {
  const reader = new Reader(text, file);
  const top = readTop(reader);
  const warnings: PolicyWarning[] = [];
  const groupEntries = section(reader, top, 'groups', 'write each group as name: [addresses]');
  const hostEntries = section(reader, top, 'hosts', 'write each host as name: {addresses: [...]}');
  const serviceEntries = section(reader, top, 'services', 'write each service as name: [25/tcp]');

  const peers = new PeerReader(reader, peerKinds(reader, groupEntries, hostEntries));
  const services = new ServiceReader(reader, serviceEntries);
  const groups = readGroups(reader, peers, groupEntries, warnings);
  const context = { reader, peers, services, groups, warnings };
  const { limits, ...defaults } = readDefaults(context, top.entries.get('defaults'));
  const { hosts, lines } = readHosts(context, hostEntries, limits.perHost);
  const matrix = top.entries.get('matrix');
  const transit = top.entries.get('transit');
  const denyEntry = top.entries.get('deny');
  const deny = denyEntry ? readDenyLines(context, denyEntry) : [];
  checkOnDrops(reader, onDropsOf({ ...defaults, deny }));
  return {
    file,
    services: services.named,
    groups,
    hosts,
    lines,
    matrix: matrix ? readPairLines(context, 'matrix', matrix) : [],
    transit: transit ? readPairLines(context, 'transit', transit) : [],
    deny,
    ...defaults,
    sourceLimit: limits.perSource,
    names: peers.names,
    warnings,
  };
}

function readTop(reader: Reader): Fields {
  const start = { file: reader.file, line: 1, column: 1 };
  const hint = `begin with apiVersion: ${API_VERSION}`;
  if (reader.root === null) reader.fail('missing-key', start, 'the policy is empty', hint);
  const top = reader.fields(reader.root, start, 'the policy', KEYS, LATER_KEYS);
  const version = top.entries.get('apiVersion');
  if (version === undefined) {
    reader.fail('missing-key', top.position, 'the policy has no apiVersion', hint);
  }
  const text = reader.text(version.value, version.keyNode, '`apiVersion`', hint);
  if (text !== API_VERSION) {
    const where = version.value ?? version.keyNode;
    reader.fail(
      'unsupported',
      where,
      `apiVersion ${quote(text)} is unknown`,
      `write ${API_VERSION}`,
    );
  }
  return top;
}

function section(reader: Reader, top: Fields, key: string, hint: string): Entry[] {
  const entry = top.entries.get(key);
  return entry === undefined ? [] : reader.map(entry.value, entry.keyNode, `\`${key}\``, hint);
}

/** Names of groups and hosts share one space, because lines use both alike. */
function peerKinds(
  reader: Reader,
  groups: readonly Entry[],
  hosts: readonly Entry[],
): Map<string, PeerKind> {
  const kinds = new Map<string, PeerKind>();
  for (const entry of groups) {
    checkName(reader, entry, 'group');
    kinds.set(entry.key, groupKind(entry));
  }
  for (const entry of hosts) {
    checkName(reader, entry, 'host');
    if (kinds.has(entry.key)) {
      const hint = 'every host is a group already: rename one of the two';
      const problem = `${quote(entry.key)} is both a host and a group`;
      reader.fail('duplicate', entry.keyNode, problem, hint);
    }
    kinds.set(entry.key, 'host');
  }
  return kinds;
}

function checkName(reader: Reader, entry: Entry, what: string): void {
  if (entry.key === 'any') {
    const hint = 'choose another name: any is every address';
    reader.fail('reserved-name', entry.keyNode, `"any" cannot name a ${what}`, hint);
  }
  if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(entry.key)) {
    const hint = 'begin with a letter; letters, digits, _ . - may follow';
    reader.fail('bad-name', entry.keyNode, `${quote(entry.key)} cannot name a ${what}`, hint);
  }
}

interface Defaults extends Pick<Policy, 'logDrops' | 'pickup' | 'onDrop'> {
  readonly limits: DefaultLimits;
}

function readDefaults(context: OnDropContext, entry: Entry | undefined): Defaults {
  if (entry === undefined) return { logDrops: true, pickup: 0, onDrop: [], limits: NO_LIMITS };
  const { reader } = context;
  const keys = ['mode', 'reject', 'log', 'pickup', 'limits', 'onDrop'];
  const fields = reader.fields(entry.value, entry.keyNode, '`defaults`', keys).entries;
  only(reader, fields.get('mode'), 'enforce', ['audit', 'bypass']);
  only(reader, fields.get('reject'), 'none', ['inside']);
  const onDrop = fields.get('onDrop');
  return {
    logDrops: readLogDrops(reader, fields.get('log')),
    pickup: readPickup(reader, fields.get('pickup')),
    limits: readDefaultLimits(reader, fields.get('limits')),
    onDrop: onDrop ? readOnDrops(context, onDrop) : [],
  };
}

/** Returns whether drops are logged. */
function readLogDrops(reader: Reader, log: Entry | undefined): boolean {
  if (log === undefined) return true;
  const drops = reader.fields(log.value, log.keyNode, '`log`', ['drops']).entries.get('drops');
  if (drops === undefined) return true;
  const text = reader.text(drops.value, drops.keyNode, '`drops`', 'write all or none');
  if (text === 'summary') reader.unsupported(drops.value ?? drops.keyNode, 'drops: summary');
  if (text !== 'all' && text !== 'none') {
    const where = drops.value ?? drops.keyNode;
    reader.fail('wrong-type', where, `drops cannot be ${quote(text)}`, 'write all or none');
  }
  return text === 'all';
}

function only(reader: Reader, entry: Entry | undefined, value: string, later: string[]): void {
  if (entry === undefined) return;
  const text = reader.text(entry.value, entry.keyNode, `\`${entry.key}\``, `write ${value}`);
  if (text === value) return;
  const where = entry.value ?? entry.keyNode;
  if (later.includes(text)) reader.unsupported(where, `${entry.key}: ${text}`);
  reader.fail('wrong-type', where, `${entry.key} cannot be ${quote(text)}`, `write ${value}`);
}

/** Seconds; none when it is left out. */
function readPickup(reader: Reader, entry: Entry | undefined): number {
  if (entry === undefined) return 0;
  const text = reader.text(entry.value, entry.keyNode, '`pickup`', PICKUP_HINT);
  const where = entry.value ?? entry.keyNode;
  const [, count, unit] = /^(0|[1-9]\d{0,5})(s|m|h)$/.exec(text) ?? [];
  if (/^0(ms)?$/.test(text)) return 0;
  if (count === undefined) {
    reader.fail('wrong-type', where, `pickup cannot be ${quote(text)}`, PICKUP_HINT);
  }
  const seconds = Number(count) * UNIT_SECONDS[unit as DurationUnit];
  if (seconds > MOST_PICKUP) {
    reader.fail('wrong-type', where, `pickup cannot be ${quote(text)}`, 'write 1h at most');
  }
  return seconds;
}
